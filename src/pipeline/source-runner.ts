import type { Trigger } from '../audit/index.ts'
import {
  backoffMs,
  type Clock,
  type Ids,
  isAborted,
  type Logger,
  messageOf,
  type Service,
} from '../base/index.ts'
import type { App } from '../kube/index.ts'
import {
  type AppRevision,
  type Commit,
  type Repository,
  type Revision,
  type RevisionLoader,
  type SourceProblem,
  watchRepository,
} from '../sync/index.ts'
import type { AppTarget } from './app-target.ts'
import { targetOf } from './target-of.ts'

/** What a source tells of itself; the pipeline turns it into lanes, child apps and status. */
export interface SourceListener {
  /** A new head. Resolves when every affected app has its target. */
  revision(news: RevisionNews): Promise<void>
  /** The source gives no revision at the moment: nothing changes, and nothing is ever deleted because of it. */
  problem(problem: SourceProblem): Promise<void>
}

export interface RevisionNews {
  readonly revision: Revision
  /** The targets of the apps whose files differ from the revision before; all of them the first time. */
  readonly targets: readonly AppTarget[]
  /** The names of all apps of the revision. */
  readonly names: ReadonlySet<string>
}

export interface SourceRunnerOptions {
  readonly root: App
  readonly repository: Repository
  readonly loader: RevisionLoader
  readonly listener: SourceListener
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** Commits passed over that a record names; more are counted by Git itself. */
const MAX_SKIPPED = 100

/** Waits before a head that could not be handled is handled again. */
const RETRY = { initialMs: 500, maxMs: 60_000 }

/** Follows one repository and tells what each new head makes of its apps. */
export class SourceRunner implements Service {
  readonly #options: SourceRunnerOptions
  #last: Revision | undefined

  constructor(options: SourceRunnerOptions) {
    this.#options = options
  }

  async start(signal: AbortSignal): Promise<void> {
    const { repository, listener, clock, ids, log } = this.#options
    try {
      for await (const event of watchRepository(repository, { clock, ids, signal })) {
        if (event.type === 'problem') {
          log.warn('The source cannot be read', {
            source: repository.location,
            problem: event.problem.message,
          })
          await listener.problem(event.problem)
        } else await this.#handleUntilDone(event.commit, signal)
      }
    } catch (error) {
      if (!isAborted(error)) throw error
    } finally {
      await repository.close()
    }
  }

  /** What any commit of the repository would make of all its apps. Errors as `resolve` and `load` throw them. */
  async preview(revision: string, signal: AbortSignal): Promise<RevisionNews> {
    const { repository, loader } = this.#options
    const commit = await repository.reader.resolve(revision)
    const loaded = await loader.load(commit, { previous: this.#last, signal })
    return this.#newsOf(loaded, undefined, 'push', [])
  }

  /** A head is not lost to a passing error: it is tried again until it is handled, or a newer one is there. */
  async #handleUntilDone(commit: string, signal: AbortSignal): Promise<void> {
    const { repository, listener, clock, log } = this.#options
    let at = commit
    for (let failures = 0; !signal.aborted; ) {
      try {
        return await this.#handle(at, signal)
      } catch (error) {
        if (isAborted(error)) return
        failures += 1
        log.error('Cannot handle a revision', {
          source: repository.location,
          commit: at,
          error: messageOf(error),
        })
        await listener.problem({ code: 'unreadable', message: messageOf(error) })
        await clock.sleep(backoffMs(failures, RETRY), signal).catch(() => undefined)
        at = await repository.head(signal).catch(() => at)
      }
    }
  }

  async #handle(commit: string, signal: AbortSignal): Promise<void> {
    const { loader, listener } = this.#options
    const previous = this.#last
    const revision = await loader.load(commit, { previous, signal })
    const skipped = await this.#skipped(previous, revision)
    const trigger: Trigger = previous === undefined ? 'start' : 'push'
    await listener.revision(this.#newsOf(revision, previous, trigger, skipped))
    this.#last = revision
  }

  #newsOf(
    revision: Revision,
    previous: Revision | undefined,
    trigger: Trigger,
    skipped: readonly string[],
  ): RevisionNews {
    const before = new Map(previous?.apps.map(app => [app.name, app]))
    const affected = revision.apps.filter(app => isAffected(before.get(app.name), app, revision, previous))
    const targets = affected.map(app => targetOf({ app, revision, trigger, skipped }))
    return { revision, targets, names: new Set(revision.apps.map(({ name }) => name)) }
  }

  /** The commits between two heads, oldest first; none when history was rewritten, for then nothing was passed over. */
  async #skipped(previous: Revision | undefined, { commit }: Revision): Promise<readonly string[]> {
    if (previous === undefined) return []
    const { reader } = this.#options.repository
    if (!(await reader.isAncestor(previous.commit.id, commit.id))) return []
    const commits = await reader.log(previous.commit.id, commit.id, MAX_SKIPPED + 1)
    return commits
      .map(({ id }: Commit) => id)
      .filter(id => id !== commit.id)
      .reverse()
  }
}

/**
 * An app is affected when it declares something else than before, or when it was held and the new commit's trailer may release
 * it. The loader hands over an app that declares the same as the same object.
 */
function isAffected(
  before: AppRevision | undefined,
  now: AppRevision,
  revision: Revision,
  previous: Revision | undefined,
): boolean {
  if (before !== now) return true
  return revision.allowDelete !== undefined && revision.commit !== previous?.commit
}
