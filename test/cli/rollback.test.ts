import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Kinds } from '../../src/kube/index.ts'
import { configMap } from '../pipeline/manifests.ts'
import { startGitHttpServer } from '../sync/git-http-server.ts'
import { TestRepository } from '../sync/repository-builder.ts'
import { CliWorld } from './cli-world.ts'

describe('bowline rollback', () => {
  let world: CliWorld

  afterEach(() => world.close())

  it('makes the revert of HEAD in the object database, follows it, and leaves the work tree alone', async () => {
    world = await CliWorld.create({ nodes: [] })
    configureAuthor(world.repository.path)
    world.push('one', { 'config.yaml': configMap('config', 'one') })
    const second = world.push('two', { 'config.yaml': configMap('config', 'two') })
    expect((await world.bowline(['follow'])).code).toBe(0)
    world.repository.write({ 'config.yaml': 'work in progress', 'notes.txt': 'mine' })
    const { code, out, err } = await world.bowline(['rollback'])
    expect(err).toContain('the work tree still shows the files as they were')
    expect(out).toMatch(new RegExp(`^reverted ${second.slice(0, 7)} "two" as [0-9a-f]{7} on main$`, 'm'))
    expect(out).toContain('"Revert "two""  <Rita>')
    expect(out).toContain('RESULT  ✓ shop healthy')
    expect(code).toBe(0)
    const { repository } = world
    expect(repository.git('log', '-1', '--format=%P %an <%ae> %s')).toBe(
      `${second} Rita <rita@example.org> Revert "two"\n`,
    )
    expect(repository.git('diff', '--name-only', 'HEAD', 'HEAD~2')).toBe('')
    repository.git('fsck', '--strict', '--no-dangling')
    expect(readFileSync(join(repository.path, 'config.yaml'), 'utf8')).toBe('work in progress')
    expect(existsSync(join(repository.path, 'notes.txt'))).toBe(true)
    const { data } = await world.client.get(Kinds.ConfigMap, 'config', { namespace: 'default' })
    expect(data).toEqual({ key: 'one' })
  })

  it('reverts an older commit by name, and refuses what was changed again since', async () => {
    world = await CliWorld.create({ nodes: [] })
    configureAuthor(world.repository.path)
    world.push('one', { 'a.yaml': configMap('a', 'one'), 'b.yaml': configMap('b', 'one') })
    world.push('b two', { 'b.yaml': configMap('b', 'two') })
    world.push('a two', { 'a.yaml': configMap('a', 'two') })
    expect((await world.bowline(['follow'])).code).toBe(0)
    const back = await world.bowline(['rollback', 'HEAD~1'])
    expect(back.out).toContain('"b two"')
    expect(back.code).toBe(0)
    const { data } = await world.client.get(Kinds.ConfigMap, 'a', { namespace: 'default' })
    expect(data).toEqual({ key: 'two' })
    const again = await world.bowline(['rollback', 'HEAD~3'])
    expect(again.code).toBe(1)
    expect(again.err).toMatch(/Cannot revert [0-9a-f]{7} "one": changed again since: a\.yaml/)
  })

  it('says who must tell Git a name when there is none', async () => {
    world = await CliWorld.create({ nodes: [] })
    world.push('one', { 'config.yaml': configMap('config', 'one') })
    world.push('two', { 'config.yaml': configMap('config', 'two') })
    vi.stubEnv('HOME', world.folder)
    vi.stubEnv('XDG_CONFIG_HOME', world.folder)
    try {
      const { code, err } = await world.bowline(['rollback'])
      expect(code).toBe(1)
      expect(err).toContain('Cannot make a commit: Git does not know your name')
      expect(err).toContain('git config --global user.name')
    } finally {
      vi.unstubAllEnvs()
    }
  })
})

describe('bowline rollback where the server follows another repository than the one here', () => {
  let folder: string
  let world: CliWorld
  let bare: string
  let close: () => Promise<void>

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bowline-rollback-'))
    bare = join(folder, 'shop.git')
    execFileSync('git', ['init', '-q', '--bare', '-b', 'main', bare])
    execFileSync('git', ['-C', bare, 'config', 'http.receivepack', 'true'])
    close = async () => {}
  })

  afterEach(async () => {
    await world.close()
    await close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function publish(source: string): Promise<void> {
    world = await CliWorld.create({ nodes: [], source: { repository: source } })
    configureAuthor(world.repository.path)
    world.repository.git('remote', 'add', 'origin', bare)
    world.push('one', { 'config.yaml': configMap('config', 'one') })
    world.repository.git('push', '-q', 'origin', 'main')
    world.push('two', { 'config.yaml': configMap('config', 'two') })
    world.repository.git('push', '-q', 'origin', 'main')
  }

  it('moves the branch of a bare repository', async () => {
    await publish(bare)
    expect((await world.bowline(['follow'])).code).toBe(0)
    const { code, err } = await world.bowline(['rollback'])
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(git(bare, 'log', '-1', '--format=%s', 'main')).toBe('Revert "two"')
    git(bare, 'fsck', '--strict', '--no-dangling')
  })

  it('pushes to a remote over http', async () => {
    const server = await startGitHttpServer(folder)
    close = () => server.close()
    await publish(`${server.url}/shop.git`)
    world.repository.git('push', '-q', 'origin', 'main')
    expect((await world.bowline(['follow'])).code).toBe(0)
    // The server asks a remote once a minute, and at once when it is told that there is something new.
    const { code, out } = await world.bowline(['rollback', '--deadline', '20'])
    expect(out).toContain('RESULT  ✓ shop healthy')
    expect(code).toBe(0)
    expect(git(bare, 'log', '-1', '--format=%s', 'main')).toBe('Revert "two"')
    git(bare, 'fsck', '--strict', '--no-dangling')
    expect(server.requests.some(({ line }) => line.startsWith('POST /shop.git/git-receive-pack'))).toBe(true)
    // Nobody fetched it here yet: the commit is only where it was pushed to.
    expect(new TestRepository(world.repository.path).git('log', '-1', '--format=%s')).toBe('two\n')
  })
})

function configureAuthor(path: string): void {
  git(path, 'config', 'user.name', 'Rita')
  git(path, 'config', 'user.email', 'rita@example.org')
}

function git(cwd: string, ...args: readonly string[]): string {
  return execFileSync('git', args, { cwd, encoding: 'utf8' }).trim()
}
