import { BowlineError, type Clock, type Logger, silentLogger } from '../../base/index.ts'
import type { HttpsClient } from '../../client/index.ts'
import { type App, apiPath, Kinds } from '../../kube/index.ts'
import { EXIT } from '../exit-code.ts'
import { shortId } from '../plan-text.ts'
import type { Terminal } from '../terminal.ts'
import { readLogTail } from './log-tail.ts'
import { Story, type StoryParts } from './story.ts'
import { createView, type LiveView } from './view.ts'

export interface FollowOptions {
  readonly client: HttpsClient
  readonly terminal: Terminal
  readonly clock: Clock
  /** The full commit id. */
  readonly commit: string
  /** Whether a newer commit has this one in its history, as far as that can be told here. */
  readonly isPartOf: (commit: string, newer: string) => Promise<boolean>
  /** How long to wait before the exit code 124. */
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/**
 * Shows what a commit does from the moment the server sees it until every app that it touches is healthy, failed or held. A commit
 * that a newer one takes over from is followed in that one. Returns the exit code: 0 all healthy, 1 one failed, 3 one held, 124 the
 * deadline.
 */
export async function followCommit(options: FollowOptions): Promise<number> {
  const { client, clock, terminal } = options
  // The caches below wait for a server as long as it takes; whoever asks wants to know now.
  const { items } = await client.list(Kinds.App, { signal: options.signal })
  if (rootsOf(items).length === 0)
    throw new BowlineError('not-found', 'Cannot follow: the server follows no repository', {
      data: { next: '`bowline up DIR` or `bowline server --repo` follows one' },
    })
  await Promise.all(rootsOf(items).map(root => lookNow(options, root)))
  const end = clock.now() + options.deadlineMs
  for (let commit = options.commit; ; ) {
    const outcome = await followOne({ ...options, commit }, end)
    if (typeof outcome === 'number') return outcome
    terminal.print(
      `${terminal.paint('yellow', shortId(commit))} is part of ${shortId(outcome.newer)}, which the server follows now`,
    )
    commit = outcome.newer
  }
}

/** A server asks a remote once a minute; whoever follows has just pushed. A server that cannot be told finds out by itself. */
async function lookNow({ client, commit }: FollowOptions, { metadata, status }: App): Promise<void> {
  if (status?.observedRevision === commit) return
  const path = apiPath(Kinds.App, undefined, metadata.name, 'sync')
  await client.raw('POST', path).catch(() => undefined)
}

async function followOne(options: FollowOptions, end: number): Promise<number | { readonly newer: string }> {
  const { client, clock, terminal, commit } = options
  const stop = new AbortController()
  const signal = AbortSignal.any([options.signal, stop.signal])
  const outage = new Outage(terminal)
  const view = createView(client, commit, { clock, log: outage.log })
  const running = view.run(signal)
  const readLog: StoryParts['readLog'] = (pod, container) => readLogTail(client, pod, container, signal)
  const readPods: StoryParts['readPods'] = async namespace => {
    const pods = await client.list(Kinds.Pod, { namespace, signal }).catch(() => undefined)
    return pods?.items ?? view.pods.list(namespace)
  }
  const story = new Story({ view, terminal, clock, commit, readPods, readLog })
  const search = new NewerCommit(options, view)
  let wake: () => void = () => {}
  view.onChange(() => wake())
  signal.addEventListener('abort', () => wake(), { once: true })
  try {
    await Promise.race([view.synced, clock.sleep(Math.max(0, end - clock.now()), signal)])
    for (;;) {
      const changed = new Promise<void>(resolve => {
        wake = resolve
      })
      const told = await story.tell()
      if (typeof told === 'number') return told
      const newer = await search.find(told === 'superseded', story.isSeen)
      if (newer !== undefined) return { newer }
      if (!story.isSeen) search.tellWaiting()
      const left = end - clock.now()
      if (left <= 0) return giveUp(story, options)
      const cancel = clock.after(Math.min(left, 1_000), wake)
      await changed
      cancel()
      options.signal.throwIfAborted()
    }
  } finally {
    terminal.progress([])
    stop.abort()
    await running
  }
}

function giveUp(story: Story, { terminal, commit }: FollowOptions): number {
  const { print, paint } = terminal
  const state = story.isSeen
    ? `${story.waiting.join(', ')} not settled`
    : `the server has not seen ${shortId(commit)}`
  print(`${paint('red', 'DEADLINE')}  ${state}`)
  story.tellWaiting()
  print(
    story.isSeen
      ? `${paint('bold', 'NEXT')}    bowline follow ${shortId(commit)} goes on waiting   ·   bowline rollback ${shortId(commit)}`
      : `${paint('bold', 'NEXT')}    is it pushed to the branch that the server follows? \`bowline status\` shows it`,
  )
  return EXIT.deadline
}

/** Finds out what the server follows instead of a commit, and tells why it does not see it. */
class NewerCommit {
  readonly #options: FollowOptions
  readonly #view: LiveView
  readonly #strangers = new Set<string>()
  #toldProblem = ''

  constructor(options: FollowOptions, view: LiveView) {
    this.#options = options
    this.#view = view
  }

  /** The newest commit of the server, when it has this one in its history and this one has no end of its own to wait for. */
  async find(isSuperseded: boolean, isSeen: boolean): Promise<string | undefined> {
    const { commit, isPartOf } = this.#options
    if (isSeen && !isSuperseded) return undefined
    for (const { status } of rootsOf(this.#view.apps.list())) {
      const newest = status?.observedRevision
      if (newest === undefined || newest === commit || this.#strangers.has(newest)) continue
      if (isSuperseded || (await this.#isPassedOver(newest)) || (await isPartOf(commit, newest)))
        return newest
      this.#strangers.add(newest)
    }
    return undefined
  }

  tellWaiting(): void {
    const { terminal, commit } = this.#options
    for (const { status } of rootsOf(this.#view.apps.list())) {
      const synced = status?.conditions?.find(({ type }) => type === 'Synced')
      if (synced?.reason !== 'SourceUnreadable' || synced.message === undefined) continue
      if (synced.message === this.#toldProblem) continue
      this.#toldProblem = synced.message
      terminal.note(`the server cannot read the repository: ${synced.message}`)
    }
    terminal.progress([`waiting for the server to see ${shortId(commit)} …`])
  }

  async #isPassedOver(newest: string): Promise<boolean> {
    const { client, commit, signal } = this.#options
    const labelSelector = `bowline.dev/commit=${newest}`
    const { items } = await client.list(Kinds.Record, { labelSelector, signal })
    return items.some(({ spec }) => spec.skipped.includes(commit))
  }
}

/** Tells once when the server stops answering; the caches try again by themselves. */
class Outage {
  readonly log: Logger

  constructor(terminal: Terminal) {
    this.log = {
      ...silentLogger,
      warn: () => {
        if (!this.#isTold) terminal.note('the server does not answer; trying again')
        this.#isTold = true
      },
      with: () => this.log,
    }
  }

  #isTold = false
}

function rootsOf(apps: readonly App[]): readonly App[] {
  return apps.filter(({ metadata }) => !metadata.ownerReferences?.length)
}
