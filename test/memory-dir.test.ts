import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openMemoryDir } from '../src/memory-dir.ts'
import { mountSmallDisk, smallDiskProblem } from './support/small-disk.ts'

const problem = smallDiskProblem()

describe.skipIf(problem !== undefined)(`openMemoryDir() (${problem ?? 'on a small tmpfs'})`, () => {
  let memory: ReturnType<typeof mountSmallDisk>
  let dataDir: string
  let parent: string
  beforeEach(async () => {
    memory = mountSmallDisk({ bytes: 256 * 1024 })
    parent = join(memory.path, 'bowline')
    dataDir = await mkdtemp(join(tmpdir(), 'bowline-data-'))
  })
  afterEach(async () => {
    memory.remove()
    await rm(dataDir, { recursive: true, force: true })
  })

  it('openMemoryDir() gives each data directory a folder that nobody else may look into', async () => {
    const folder = await openMemoryDir(dataDir, [parent])
    expect(folder).toMatch(new RegExp(`^${parent}/[0-9a-f]{16}$`))
    for (const path of [folder ?? '', parent]) expect((await stat(path)).mode & 0o777).toBe(0o700)
    expect(await openMemoryDir(dataDir, [parent])).toBe(folder)
    expect(await openMemoryDir(tmpdir(), [parent])).not.toBe(folder)
  })

  it('openMemoryDir() takes nothing that lies on a disk, or that somebody else put there first', async () => {
    expect(await openMemoryDir(dataDir, [join(dataDir, 'bowline')])).toBeUndefined()
    await symlink(dataDir, parent)
    expect(await openMemoryDir(dataDir, [parent])).toBeUndefined()
    expect(await openMemoryDir(dataDir, [parent, join(memory.path, 'other')])).toContain('/other/')
  })

  it('openMemoryDir() removes what agents left whose data directory is gone', async () => {
    const gone = await mkdtemp(join(tmpdir(), 'bowline-data-'))
    const left = (await openMemoryDir(gone, [parent])) ?? ''
    await mkdir(join(left, 'pods'))
    await writeFile(join(left, 'pods', 'secret'), 'hunter2')
    await rm(gone, { recursive: true })
    const own = (await openMemoryDir(dataDir, [parent])) ?? ''
    expect((await readdir(parent)).map(name => join(parent, name))).toEqual([own])
  })
})
