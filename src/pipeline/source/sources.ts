import { backoffMs, type Clock, type Ids, type Logger, type Service } from '../../base/index.ts'
import type { App } from '../../kube/index.ts'
import {
  describeProblem,
  type Repository,
  type RevisionLoader,
  type SourceProblem,
} from '../../sync/index.ts'
import { Running } from '../running.ts'
import { type RevisionNews, SourceRunner } from './source-runner.ts'

/** Waits before a source that could not be opened is opened again. */
const RETRY = { initialMs: 1_000, maxMs: 60_000 }

export type OpenSource = (
  app: App,
) => Promise<{ readonly repository: Repository; readonly loader: RevisionLoader }>

export interface SourcesOptions {
  readonly open: OpenSource
  readonly onRevision: (root: App, news: RevisionNews) => Promise<void>
  /** Undefined: the source can be read (again). */
  readonly onProblem: (root: App, problem: SourceProblem | undefined) => void
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** The followed sources: one for every app that no other app owns. A changed source is closed and opened anew. */
export class Sources {
  readonly #options: SourcesOptions
  readonly #running: Running<RootSource>
  readonly #roots = new Map<string, { readonly root: App; readonly spec: string }>()

  constructor(options: SourcesOptions) {
    this.#options = options
    this.#running = new Running(options.log)
  }

  /** Follows what the app's spec says; nothing happens when that is what it follows already. */
  follow(root: App): void {
    const name = root.metadata.name ?? ''
    const spec = JSON.stringify([root.metadata.uid, root.spec])
    if (this.#roots.get(name)?.spec === spec) return
    this.#roots.set(name, { root, spec })
    this.#running.replace(name, new RootSource(root, this.#options))
  }

  /** Opens all of them anew, with nothing taken over from what was read before. */
  readAgain(): void {
    for (const [name, { root }] of this.#roots)
      this.#running.replace(name, new RootSource(root, this.#options))
  }

  drop(name: string): void {
    this.#roots.delete(name)
    this.#running.remove(name)
  }

  /** The source of a root app while it is open. */
  runner(name: string): SourceRunner | undefined {
    return this.#running.get(name)?.runner
  }

  /** Resolves when the source of a root app is open, or could not be opened at once; and when there is none. */
  async tried(name: string): Promise<void> {
    await this.#running.get(name)?.tried
  }

  /** The kinds that are defined in the cluster have changed. */
  reconsider(): void {
    for (const name of this.#roots.keys()) this.runner(name)?.reconsider()
  }

  /** The name of an app may be free: the head of each root that declares one of that name, but for the one that had it, is told again. */
  retellWith(app: string, owner: string | undefined): void {
    for (const name of this.#roots.keys()) {
      const runner = name === owner ? undefined : this.runner(name)
      if (runner?.last?.revision.apps.some(candidate => candidate.name === app)) runner.retell()
    }
  }

  async close(): Promise<void> {
    this.#roots.clear()
    await this.#running.removeAll()
  }
}

/** One root app's source: opened until it works, then followed until the end. */
class RootSource implements Service {
  readonly #root: App
  readonly #options: SourcesOptions
  readonly tried: Promise<void>
  #markTried: () => void = () => {}
  runner: SourceRunner | undefined

  constructor(root: App, options: SourcesOptions) {
    this.#root = root
    this.#options = options
    this.tried = new Promise(resolve => {
      this.#markTried = resolve
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    const { open, onProblem, onRevision, clock, ids, log } = this.#options
    const root = this.#root
    for (let failures = 1; !signal.aborted; failures += 1) {
      try {
        const { repository, loader } = await open(root)
        const listener = {
          revision: (news: RevisionNews) => onRevision(root, news),
          problem: (problem: SourceProblem | undefined) => onProblem(root, problem),
        }
        const lastKnown = root.status?.observedRevision
        this.runner = new SourceRunner({ repository, loader, listener, lastKnown, clock, ids, log })
        this.#markTried()
        return await this.runner.start(signal)
      } catch (error) {
        this.runner = undefined
        this.#markTried()
        if (signal.aborted) return
        onProblem(root, describeProblem(error))
        await clock.sleep(backoffMs(failures, RETRY), signal).catch(() => undefined)
      }
    }
  }
}
