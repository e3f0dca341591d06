import { execFileSync } from 'node:child_process'
import { readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { findGit, type GitBinary } from '../../../src/sync/git/git-binary.ts'
import { LocalRepository } from '../../../src/sync/repository/local-repository.ts'
import { TestRepository, temporaryFolder } from '../repository-builder.ts'

const native = (await findGit(process.env)) as GitBinary

describe.each([
  ['native git', native],
  ['files', undefined],
] as const)('LocalRepository over %s', (kind, git) => {
  const folder = temporaryFolder()
  const opened: LocalRepository[] = []
  afterAll(async () => {
    for (const repository of opened) await repository.close()
    folder.remove()
  })

  async function open(name: string): Promise<{ repository: LocalRepository; at: TestRepository }> {
    const at = new TestRepository(join(folder.path, `${name}-${kind}`))
    at.commit('one', { 'a.yaml': 'a: 1\n' })
    const repository = await LocalRepository.open(at.path, 'main', git)
    opened.push(repository)
    return { repository, at }
  }

  it.each(['refs/heads/main', 'packed-refs'])('waits for nobody where %s is a pipe', async ref => {
    const { repository, at } = await open(ref.replaceAll('/', '-'))
    const file = join(at.path, '.git', ref)
    await rm(join(at.path, '.git/refs/heads/main'))
    execFileSync('mkfifo', [file])
    // More than Node has threads for files.
    const looks = Array.from({ length: 8 }, () => repository.head())
    for (const look of await Promise.allSettled(looks))
      expect(look).toMatchObject({ status: 'rejected', reason: { code: 'bad-repository' } })
    expect(await readFile(join(at.path, 'a.yaml'), 'utf8')).toBe('a: 1\n')
  })

  it('reads no device, and no refs of gigabytes', async () => {
    const { repository, at } = await open('endless')
    const file = join(at.path, '.git/refs/heads/main')
    await rm(file)
    await symlink('/dev/zero', file)
    await expect(repository.head()).rejects.toMatchObject({ code: 'bad-repository' })
    await rm(file)

    await writeFile(join(at.path, '.git/packed-refs'), '')
    await truncate(join(at.path, '.git/packed-refs'), 3 * 1024 ** 3)
    await expect(repository.head()).rejects.toMatchObject({ code: 'unsupported' })
  })
})
