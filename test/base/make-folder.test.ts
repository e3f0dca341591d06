import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeFolder } from '../../src/base/index.ts'

describe('makeFolder()', () => {
  let root: string

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'bowline-folder-'))
  })

  afterEach(() => rm(root, { recursive: true, force: true }))

  it('makes what is missing with the mode, and is content with what is there', async () => {
    await Promise.all([makeFolder(join(root, 'a/b/c'), 0o700), makeFolder(join(root, 'a/b/d'), 0o700)])
    for (const name of ['a', 'a/b', 'a/b/c', 'a/b/d'])
      expect((await stat(join(root, name))).mode & 0o777).toBe(0o700)
    await makeFolder(join(root, 'a'), 0o755)
    expect((await stat(join(root, 'a'))).mode & 0o777).toBe(0o700)
  })

  it('fails where a file is in the way', async () => {
    await writeFile(join(root, 'file'), '')
    await expect(makeFolder(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeFolder(join(root, 'file/below'))).rejects.toMatchObject({ code: 'EEXIST' })
  })

  it.runIf(process.platform === 'linux')('fails at once where no folder can be made', async () => {
    await expect(makeFolder('/proc/x/y')).rejects.toMatchObject({ code: 'ENOENT', path: '/proc/x' })
  })
})
