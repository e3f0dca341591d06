import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { findGit, type GitBinary, runGit } from '../../../src/sync/git/git-binary.ts'
import { findGitDirectory } from '../../../src/sync/git/git-directory.ts'
import { NativeObjectDatabase } from '../../../src/sync/git/native-database.ts'
import { MAX_OBJECT_BYTES } from '../../../src/sync/git/object-database.ts'
import { TestRepository, temporaryFolder } from '../repository-builder.ts'
import { describeObjectDatabase } from './git-reader-conformance.ts'

const git = (await findGit(process.env)) as GitBinary

describeObjectDatabase('native git', async directory => new NativeObjectDatabase(git, directory))

describe('NativeObjectDatabase', () => {
  const folder = temporaryFolder()
  afterAll(folder.remove)

  it('reads past an object that is too large, and reads on', async () => {
    const repository = new TestRepository(join(folder.path, 'large'))
    const commit = repository.commit('large', {
      'large.yaml': Buffer.alloc(MAX_OBJECT_BYTES + 1, 'a'),
      'b.yaml': 'b',
    })
    const [small, large] = repository
      .git('ls-tree', commit)
      .trim()
      .split('\n')
      .map(line => line.split(/\s/)[2] as string)
    const database = new NativeObjectDatabase(git, await findGitDirectory(repository.path))
    try {
      const answers = await Promise.allSettled([database.read(large ?? ''), database.read(small ?? '')])
      expect(answers[0]).toMatchObject({ status: 'rejected', reason: { code: 'unsupported' } })
      expect(answers[1]).toMatchObject({ status: 'fulfilled', value: { type: 'blob' } })
    } finally {
      await database.close()
    }
  })

  it('starts its process again after a repository that could not be read became readable', async () => {
    const repository = new TestRepository(join(folder.path, 'broken'))
    const commit = repository.commit('one', { a: '1' })
    const directory = await findGitDirectory(repository.path)
    const config = join(directory.gitDir, 'config')
    repository.git('config', 'core.repositoryformatversion', '99')
    const database = new NativeObjectDatabase(git, directory)
    try {
      await expect(database.read(commit)).rejects.toMatchObject({ code: 'bad-repository', retryable: true })
      writeFileSync(config, '[core]\n\trepositoryformatversion = 0\n')
      expect((await database.read(commit)).type).toBe('commit')
    } finally {
      await database.close()
    }
    await expect(database.read(commit)).rejects.toMatchObject({ code: 'aborted' })
  })

  it('runs no hook, no filter and no helper that a repository names', async () => {
    const repository = new TestRepository(join(folder.path, 'hostile'))
    const proof = join(folder.path, 'proof')
    const hook = join(repository.path, '.git/hooks/reference-transaction')
    writeFileSync(hook, `#!/bin/sh\ntouch ${proof}\n`)
    const commit = repository.commit('one', { 'a.yaml': 'a: 1\n', '.gitattributes': '* filter=bad\n' })
    chmodSync(hook, 0o755)
    repository.git('config', 'core.fsmonitor', `touch ${proof}`)
    repository.git('config', 'core.sshCommand', `touch ${proof}`)
    repository.git('config', 'filter.bad.smudge', `touch ${proof}`)
    repository.git('config', 'remote.origin.url', `ext::touch ${proof}`)
    repository.git('config', 'remote.origin.promisor', 'true')
    repository.git('config', 'extensions.partialClone', 'origin')
    repository.git('config', 'core.repositoryformatversion', '1')
    const database = new NativeObjectDatabase(git, await findGitDirectory(repository.path))
    try {
      await database.read(commit)
      await expect(database.read('f'.repeat(40))).rejects.toThrow()
      expect(await database.moveRef('refs/heads/x', commit, undefined)).toBe(true)
    } finally {
      await database.close()
    }
    expect(existsSync(proof)).toBe(false)
  })
})

describe('runGit()', () => {
  it('passes on nothing of the environment but the path and what a transfer needs', async () => {
    const found = await findGit({
      ...process.env,
      SECRET_TOKEN: 'x',
      GIT_SSH_COMMAND: 'evil',
      GIT_DIR: '/evil',
    })
    expect(Object.keys(found?.environment ?? {})).not.toContain('SECRET_TOKEN')
    expect(Object.keys(found?.environment ?? {})).not.toContain('GIT_SSH_COMMAND')
    expect(await findGit({ PATH: '/nonexistent' })).toBeUndefined()
  })

  it('lets no process of git take all memory, or write without end', async () => {
    const config = ['-c', 'alias.limits=!ulimit -v; ulimit -f']
    const said = (await runGit(git, [...config, 'limits'])).toString('utf8').trim().split('\n').map(Number)
    expect(said[0]).toBeLessThanOrEqual(4 * 1024 ** 2)
    expect(said[1]).toBeLessThanOrEqual(2 * 8 * 1024 ** 2)
  })

  it('ends the command when the signal aborts', async () => {
    const controller = new AbortController()
    const running = runGit(git, ['version'], {
      gitDir: '/nonexistent',
      signal: controller.signal,
    })
    controller.abort(new Error('stop'))
    await expect(running).rejects.toThrow('stop')
  })
})
