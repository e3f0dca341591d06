import { mkdir, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { findGuarded, openHostPath } from '../../../src/agents/volumes/host-path.ts'

it('openHostPath() refuses at once what is longer than any path', async () => {
  const path = `/tmp${'/a'.repeat(1 << 19)}`
  await expect(openHostPath({ path }, { allowHost: ['/tmp'], guarded: [] })).rejects.toMatchObject({
    code: 'bad-config',
    message: `hostPath is longer than any path: ${path.length} characters`,
  })
})

it('findGuarded() gives real paths, also of what is not there yet', async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'bowline-guarded-')))
  await mkdir(join(folder, 'run'))
  await symlink(join(folder, 'run'), join(folder, 'var-run'))
  expect(await findGuarded([join(folder, 'var-run/docker.sock')])).toContain(join(folder, 'run/docker.sock'))
  await rm(folder, { recursive: true })
})
