import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/index.ts'
import { findGit, type GitBinary } from '../../src/sync/git/git-binary.ts'
import { openRepository } from '../../src/sync/repository/open-repository.ts'
import type { Repository } from '../../src/sync/repository/repository.ts'
import { createRevert } from '../../src/sync/revert.ts'
import { parseTrailers } from '../../src/sync/revision/trailers.ts'
import { startGitHttpServer } from './git-http-server.ts'
import { TestRepository, temporaryFolder } from './repository-builder.ts'

const native = (await findGit(process.env)) as GitBinary
const AUTHOR = { name: 'Ops <evil>\n', email: 'ops@example.org' }

describe.each([
  ['native git', native],
  ['isomorphic-git', undefined],
] as const)('createRevert() over %s', (_, git) => {
  const folder = temporaryFolder()
  const opened: Repository[] = []
  const { signal } = new AbortController()
  let number = 0
  afterAll(async () => {
    for (const repository of opened) await repository.close()
    folder.remove()
  })

  function newRepository(): TestRepository {
    number += 1
    return new TestRepository(join(folder.path, `repo-${number}`))
  }

  async function open(repository: string): Promise<Repository> {
    const cacheFolder = join(folder.path, 'cache')
    const result = await openRepository(
      { repository, branch: 'main' },
      { cacheFolder, git, clock: systemClock },
    )
    opened.push(result)
    return result
  }

  async function revert(
    at: TestRepository,
    commit: string,
    trailers: { key: string; value: string }[] = [],
  ): Promise<string> {
    const repository = await open(at.path)
    const result = await createRevert(repository, {
      commit,
      author: AUTHOR,
      nowMs: 1_800_000_000_500,
      trailers,
      signal,
    })
    await repository.publish(result.commit, result.parent, signal)
    return result.commit
  }

  it('makes the tree that git revert makes, in a form that git takes for its own', async () => {
    const at = newRepository()
    at.commit('base', {
      'a/b/c.yaml': '1',
      'a/keep.yaml': 'k',
      'gone.yaml': 'g',
      'mode.sh': 'x',
      ab: 'file',
      'a.b': 'file',
    })
    at.git('rm', '-q', 'gone.yaml')
    at.git('update-index', '--chmod=+x', 'mode.sh')
    at.write({ 'a/b/c.yaml': '2', 'new/deep/file.yaml': 'n' })
    at.git('add', 'a', 'new')
    at.git('commit', '-q', '-m', 'change "things"\nstill subject\n\nbody')
    const changed = at.head()
    at.git('reset', '-q', '--hard')
    at.commit('later', { 'other.yaml': 'o', 'a/other.yaml': 'o' })
    at.git('branch', 'by-git')
    const made = await revert(at, changed, [{ key: 'Bowline-Allow-Delete', value: '3' }])
    at.git('checkout', '-q', '-f', 'by-git')
    at.git('revert', '--no-edit', changed)
    expect(at.head('main^{tree}')).toBe(at.head('by-git^{tree}'))
    expect(at.head('main')).toBe(made)
    const message = at.git('log', '-1', '--format=%B', 'main')
    expect(message.trim()).toBe(
      `Revert "change "things""\n\nThis reverts commit ${changed}.\n\nBowline-Allow-Delete: 3`,
    )
    expect(message.startsWith(at.git('log', '-1', '--format=%B', 'by-git').trim())).toBe(true)
    expect(parseTrailers(message)).toEqual([{ key: 'Bowline-Allow-Delete', value: '3' }])
    expect(at.git('log', '-1', '--format=%an|%ae|%cn|%at|%P', 'main').trim()).toBe(
      `Ops evil|ops@example.org|Ops evil|1800000000|${at.head('main~1')}`,
    )
    expect(at.git('fsck', '--strict', '--no-dangling')).toBe('')
  })

  it('touches neither work tree nor index', async () => {
    const at = newRepository()
    at.commit('base', { 'a.yaml': '1' })
    const changed = at.commit('change', { 'a.yaml': '2' })
    at.write({ 'a.yaml': 'edited', 'untracked.yaml': 'u' })
    const index = readFileSync(join(at.path, '.git/index'))
    const made = await revert(at, changed)
    expect(readFileSync(join(at.path, 'a.yaml'), 'utf8')).toBe('edited')
    expect(readFileSync(join(at.path, '.git/index'))).toEqual(index)
    expect(at.git('show', `${made}:a.yaml`)).toBe('1')
    expect(await (await open(at.path)).isCheckedOut()).toBe(true)
  })

  it('undoes the first commit, a deletion, and its own revert', async () => {
    const at = newRepository()
    const first = at.commit('first', { 'a.yaml': '1', 'd/b.yaml': '2' })
    const emptied = await revert(at, first)
    expect(at.git('ls-tree', '-r', emptied)).toBe('')
    const restored = await revert(at, emptied)
    expect(at.head(`${restored}^{tree}`)).toBe(at.head(`${first}^{tree}`))
    expect(at.git('log', '-1', '--format=%s', restored).trim()).toBe('Revert "Revert "first""')
    expect(at.git('fsck', '--strict', '--no-dangling')).toBe('')
  })

  it('names the files that changed again since', async () => {
    const at = newRepository()
    at.commit('base', { 'a.yaml': '1', 'd/b.yaml': '1', 'c.yaml': '1' })
    const changed = at.commit('change', { 'a.yaml': '2', 'd/b.yaml': '2', 'c.yaml': '2' })
    const head = at.commit('again', { 'a.yaml': '3', 'd/b.yaml': '3' })
    await expect(revert(at, changed)).rejects.toMatchObject({
      code: 'conflict',
      message: `Cannot revert ${changed.slice(0, 7)} "change": changed again since: a.yaml, d/b.yaml; use "git revert" and settle it by hand`,
    })
    expect(at.head()).toBe(head)
  })

  it('refuses merges, commits of another history, and what is undone already', async () => {
    const at = newRepository()
    const base = at.commit('base', { 'a.yaml': '1' })
    at.git('checkout', '-q', '-b', 'side')
    const side = at.commit('side', { 'b.yaml': '1' })
    at.git('checkout', '-q', 'main')
    const change = at.commit('change', { 'a.yaml': '2' })
    await expect(revert(at, side)).rejects.toThrow('it is not in the history of branch main')
    at.git('merge', '-q', '--no-ff', '-m', 'merge', 'side')
    await expect(revert(at, at.head())).rejects.toThrow('it is a merge')
    await revert(at, change)
    await expect(revert(at, change)).rejects.toThrow('nothing of it is left')
    await expect(revert(at, 'f'.repeat(40))).rejects.toMatchObject({ code: 'not-found' })
    expect(at.git('show', 'main:a.yaml')).toBe('1')
    expect(base).not.toBe(at.head('main'))
  })

  it('does not publish over a branch that moved meanwhile', async () => {
    const at = newRepository()
    at.commit('base', { 'a.yaml': '1' })
    const changed = at.commit('change', { 'a.yaml': '2' })
    const repository = await open(at.path)
    const made = await createRevert(repository, { commit: changed, author: AUTHOR, nowMs: 0, signal })
    const newer = at.commit('newer', { 'b.yaml': '1' })
    await expect(repository.publish(made.commit, made.parent, signal)).rejects.toMatchObject({
      code: 'conflict',
    })
    expect(at.head('main')).toBe(newer)
  })

  it('pushes the revert of a commit of a remote repository', async () => {
    const at = newRepository()
    at.commit('base', { 'a.yaml': '1' })
    const changed = at.commit('change', { 'a.yaml': '2' })
    at.git('clone', '-q', '--bare', at.path, join(folder.path, `served-${git === undefined}.git`))
    const server = await startGitHttpServer(folder.path)
    try {
      const repository = await open(`${server.url}/served-${git === undefined}.git`)
      const made = await createRevert(repository, { commit: changed, author: AUTHOR, nowMs: 0, signal })
      await repository.publish(made.commit, made.parent, signal)
      const served = join(folder.path, `served-${git === undefined}.git`)
      expect(at.git('--git-dir', served, 'show', 'main:a.yaml')).toBe('1')
      expect(at.git('--git-dir', served, 'fsck', '--strict', '--no-dangling')).toBe('')
    } finally {
      await server.close()
    }
  })
})
