import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BowlineError, type Clock, type Ids, systemClock, systemIds } from '../../../src/base/index.ts'
import { LocalRepository } from '../../../src/sync/repository/local-repository.ts'
import type { Repository } from '../../../src/sync/repository/repository.ts'
import { type RepositoryEvent, watchRepository } from '../../../src/sync/repository/watch-repository.ts'
import { TestRepository, temporaryFolder } from '../repository-builder.ts'

/** Events as they come, each within a deadline far below the safety poll, so that a lost event fails the test. */
async function collectFrom(
  path: string,
  branch: string,
  work: (next: () => Promise<RepositoryEvent | undefined>) => Promise<void>,
): Promise<void> {
  const repository = await LocalRepository.open(path, branch, undefined)
  const controller = new AbortController()
  let ready: () => void = () => {}
  const listening = new Promise<void>(resolve => {
    ready = resolve
  })
  const events = watchRepository(repository, {
    clock: systemClock,
    ids: systemIds,
    signal: controller.signal,
    onReady: () => ready(),
  })[Symbol.asyncIterator]()
  const next = async (): Promise<RepositoryEvent | undefined> => {
    const timeout = systemClock.sleep(5_000).then(() => {
      throw new Error('no event came')
    })
    const event = await Promise.race([events.next(), timeout])
    return event.done ? undefined : event.value
  }
  try {
    const working = work(next)
    await listening
    await working
  } finally {
    controller.abort()
    expect((await events.next()).done).toBe(true)
    await repository.close()
  }
}

/** How many files and folders the kernel watches for this process. */
function watches(): number {
  const descriptors = readdirSync('/proc/self/fdinfo').map(name => {
    try {
      return readFileSync(`/proc/self/fdinfo/${name}`, 'utf8')
    } catch {
      return ''
    }
  })
  return descriptors.join('\n').match(/^inotify /gm)?.length ?? 0
}

describe('watchRepository() of a local repository', () => {
  const folder = temporaryFolder()
  let count = 0
  let bare: string
  let work: TestRepository

  beforeAll(() => {
    work = new TestRepository(join(folder.path, 'work'))
    work.commit('one', { 'a.yaml': 'a: 1\n' })
  })
  afterAll(folder.remove)

  function makeBare(): string {
    count += 1
    bare = join(folder.path, `bare-${count}.git`)
    work.git('clone', '-q', '--bare', work.path, bare)
    return bare
  }

  it('tells the head, then every push, also to packed refs', async () => {
    await collectFrom(makeBare(), 'main', async next => {
      expect(await next()).toEqual({ type: 'head', commit: work.head() })
      for (let index = 0; index < 5; index += 1) {
        const pushed = work.commit(`push ${index}`)
        work.git('push', '-q', bare, 'main')
        expect(await next()).toEqual({ type: 'head', commit: pushed })
        if (index === 2) work.git('--git-dir', bare, 'pack-refs', '--all')
      }
    })
  })

  it('tells a commit in a work tree, a rewrite and a branch with slashes', async () => {
    const repository = new TestRepository(join(folder.path, 'direct'))
    const first = repository.commit('one')
    repository.git('checkout', '-q', '-b', 'feature/deep/name')
    await collectFrom(repository.path, 'feature/deep/name', async next => {
      expect(await next()).toEqual({ type: 'head', commit: first })
      const second = repository.commit('two')
      expect(await next()).toEqual({ type: 'head', commit: second })
      repository.git('commit', '-q', '--amend', '--allow-empty', '-m', 'rewritten')
      expect(await next()).toEqual({ type: 'head', commit: repository.head() })
      repository.git('reset', '-q', '--hard', first)
      expect(await next()).toEqual({ type: 'head', commit: first })
    })
  })

  it('watches the one branch, however many there are', async () => {
    const path = makeBare()
    const heads = join(path, 'refs/heads')
    for (let index = 0; index < 500; index += 1)
      writeFileSync(join(heads, `other-${index}`), `${work.head()}\n`)
    const before = watches()
    await collectFrom(path, 'main', async next => {
      await next()
      const pushed = work.commit('among many')
      work.git('push', '-q', path, 'main')
      expect(await next()).toEqual({ type: 'head', commit: pushed })
      expect(watches() - before).toBeLessThan(50)
    })
  })

  it('reports a missing branch once, and the branch as soon as it appears', async () => {
    await collectFrom(makeBare(), 'release/1', async next => {
      expect(await next()).toEqual({
        type: 'problem',
        problem: {
          code: 'missing-branch',
          message: `Cannot read branch release/1 of ${bare}: there is no such branch`,
        },
      })
      work.git('push', '-q', bare, 'main:release/1')
      expect(await next()).toEqual({ type: 'head', commit: work.head() })
      work.git('push', '-q', bare, ':release/1')
      expect(await next()).toMatchObject({ type: 'problem', problem: { code: 'missing-branch' } })
    })
  })

  it('reports a repository that went away, and goes on when it is back', async () => {
    await collectFrom(makeBare(), 'main', async next => {
      await next()
      renameSync(bare, `${bare}.away`)
      expect(await next()).toMatchObject({ type: 'problem', problem: { code: 'unreadable' } })
      mkdirSync(`${bare}.tmp`)
      renameSync(`${bare}.away`, bare)
      expect(await next()).toEqual({ type: 'head', commit: work.head() })
    })
  })

  it('makes one event of many pushes while nobody looks', async () => {
    await collectFrom(makeBare(), 'main', async next => {
      await next()
      for (let index = 0; index < 4; index += 1) {
        work.commit(`burst ${index}`)
        work.git('push', '-q', bare, 'main')
      }
      const seen: RepositoryEvent[] = []
      do seen.push((await next()) as RepositoryEvent)
      while ((seen.at(-1) as { commit?: string }).commit !== work.head())
      expect(seen.length).toBeLessThanOrEqual(4)
    })
  })
})

/** A repository of answers, and a clock that goes forward only when someone waits. */
function scripted(answers: readonly (string | Error)[]): {
  repository: Repository
  clock: Clock
  waits: number[]
} {
  const waits: number[] = []
  let at = 0
  const repository = {
    location: 'https://git.example.org/app',
    branch: 'main',
    pollMs: 60_000,
    head: async () => {
      const answer = answers[Math.min(at, answers.length - 1)]
      at += 1
      if (answer instanceof Error) throw answer
      return answer
    },
    listen() {},
  } as unknown as Repository
  const clock: Clock = {
    ...systemClock,
    after(ms, callback) {
      waits.push(ms)
      queueMicrotask(callback)
      return () => {}
    },
  }
  return { repository, clock, waits }
}

describe('watchRepository() of a remote repository', () => {
  const ids: Ids = { ...systemIds, random: () => 0.5 }

  it('polls, tells only news, and tries a source that cannot be read again with growing waits', async () => {
    const down = new BowlineError('unavailable', 'Cannot read x: down', { retryable: true })
    const { repository, clock, waits } = scripted(['a', 'a', 'b', down, down, down, down, 'b', 'c'])
    const controller = new AbortController()
    const seen: string[] = []
    for await (const event of watchRepository(repository, { clock, ids, signal: controller.signal })) {
      seen.push(event.type === 'head' ? event.commit : event.problem.code)
      if (seen.length === 5) break
    }
    expect(seen).toEqual(['a', 'b', 'unreachable', 'b', 'c'])
    expect(waits).toEqual([60_000, 60_000, 60_000, 500, 1_000, 2_000, 4_000, 60_000])
  })

  it('goes on after a call that was broken off by something else than its signal', async () => {
    const brokenOff = new BowlineError('aborted', 'Cannot read objects: closed')
    const { repository, clock } = scripted([brokenOff, 'a'])
    const { signal } = new AbortController()
    const events = watchRepository(repository, { clock, ids, signal })
    expect((await events.next()).value).toMatchObject({ type: 'problem', problem: { code: 'unreadable' } })
    expect((await events.next()).value).toEqual({ type: 'head', commit: 'a' })
    await events.return()
  })

  it('ends without an error when the signal aborts while it waits or asks', async () => {
    const { repository } = scripted(['a'])
    const controller = new AbortController()
    const events = watchRepository(repository, { clock: systemClock, ids, signal: controller.signal })
    expect((await events.next()).value).toEqual({ type: 'head', commit: 'a' })
    const waiting = events.next()
    controller.abort()
    expect((await waiting).done).toBe(true)
  })
})
