import type { Trigger } from '../../audit/index.ts'
import {
  backoffMs,
  type Clock,
  type Ids,
  isAborted,
  type Logger,
  messageOf,
  type Service,
} from '../../base/index.ts'
import type { FieldProblem } from '../../kinds/index.ts'
import type { Diagnostic } from '../../kube/index.ts'
import {
  type Repository,
  type Revision,
  type RevisionLoader,
  type SourceProblem,
  type WatchControl,
  watchRepository,
} from '../../sync/index.ts'
import type { DesiredObject } from './app-target.ts'
import type { Occasion } from './target-of.ts'

/** A head of the source, and the one before it. */
export interface RevisionNews extends Occasion {
  /** What was handled before; undefined for the first since the start. */
  readonly previous: Revision | undefined
}

/** What a source tells of itself; the pipeline turns it into lanes, child apps and status. */
export interface SourceListener {
  /** A new head, or the same one that is read otherwise than before. Resolves when every affected app has its target. */
  revision(news: RevisionNews): Promise<void>
  /**
   * The source gives no revision at the moment: nothing changes, and nothing is ever deleted because of it. Undefined: it can be
   * read again, and stands where it stood.
   */
  problem(problem: SourceProblem | undefined): void
}

export interface SourceRunnerOptions {
  readonly repository: Repository
  readonly loader: RevisionLoader
  readonly listener: SourceListener
  /** The head that was looked at before the process started, if that is known. */
  readonly lastKnown: string | undefined
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** Commits passed over that a record names; more are counted by Git itself. */
const MAX_SKIPPED = 100

/** Waits before a head that could not be handled is handled again. */
const RETRY = { initialMs: 500, maxMs: 10_000 }

/** Follows one repository and tells of each new head. */
export class SourceRunner implements Service {
  readonly #options: SourceRunnerOptions
  #last: RevisionNews | undefined
  #control: WatchControl | undefined
  /** The head may be read otherwise than it was. */
  #isStale = false
  /** The head is to be told again, though it reads as it did. */
  #isOwed = false

  constructor(options: SourceRunnerOptions) {
    this.#options = options
  }

  /** The head that was handled last. */
  get last(): RevisionNews | undefined {
    return this.#last
  }

  /** Looks for a newer head now and not only when it would have. */
  lookNow(): void {
    this.#control?.lookNow()
  }

  /** The kinds that are defined in the cluster have changed: what the head declares is judged by them anew. */
  reconsider(): void {
    this.#isStale = true
    this.#control?.tellAgain()
  }

  /** What kept something of the head from being followed may be gone. */
  retell(): void {
    this.#isOwed = true
    this.reconsider()
  }

  async start(signal: AbortSignal): Promise<void> {
    const { repository, listener, clock, ids, log } = this.#options
    const onReady = (control: WatchControl): void => {
      this.#control = control
    }
    try {
      for await (const event of watchRepository(repository, { clock, ids, signal, onReady })) {
        if (event.type === 'problem') {
          log.warn('The source cannot be read', {
            source: repository.location,
            problem: event.problem.message,
          })
          listener.problem(event.problem)
        } else if (event.commit === this.#last?.revision.commit.id && !this.#isStale)
          listener.problem(undefined)
        else await this.#handleUntilDone(event.commit, signal)
      }
    } catch (error) {
      if (!isAborted(error)) throw error
    } finally {
      await repository.close()
    }
  }

  /** What any commit of the repository declares. Errors as `resolve` and `load` throw them. */
  async load(revision: string, signal: AbortSignal): Promise<Revision> {
    const { repository, loader } = this.#options
    const commit = await repository.reader.resolve(revision)
    return loader.load(commit, { previous: this.#last?.revision, signal })
  }

  /** Tells problems of a declared object at the fields of its file. Throws when that cannot be read. */
  async placeProblems(
    { kind, ref, blob, source }: DesiredObject,
    problems: readonly FieldProblem[],
    hint: string,
  ): Promise<readonly Diagnostic[]> {
    if (kind === undefined || blob === undefined) return []
    return this.#options.loader.placeProblems({ kind, ref, blob, source }, problems, hint)
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
        listener.problem({ code: 'unreadable', message: messageOf(error) })
        await clock.sleep(backoffMs(failures, RETRY), signal).catch(() => undefined)
        at = await repository.head(signal).catch(() => at)
      }
    }
  }

  async #handle(commit: string, signal: AbortSignal): Promise<void> {
    const { loader, listener, lastKnown } = this.#options
    const previous = this.#last?.revision
    const isSameHead = previous?.commit.id === commit
    const isOwed = this.#isOwed
    this.#isStale = false
    if (isSameHead && !isOwed && !previous.dependsOnDefinitions) return listener.problem(undefined)
    const [revision, skipped] = await Promise.all([
      loader.load(commit, { previous, signal }),
      this.#skipped(previous?.commit.id ?? lastKnown, commit),
    ])
    if (isSameHead && !isOwed && declaresTheSame(previous, revision)) return listener.problem(undefined)
    const trigger: Trigger = previous === undefined ? 'start' : isSameHead ? 'retry' : 'push'
    const news = { revision, previous, trigger, skipped }
    this.#isOwed = false
    try {
      await listener.revision(news)
    } catch (error) {
      this.#isOwed ||= isOwed
      throw error
    }
    this.#last = news
  }

  /** The commits between two heads, oldest first; none when history was rewritten, for then nothing was passed over. */
  async #skipped(from: string | undefined, to: string): Promise<readonly string[]> {
    if (from === undefined || from === to) return []
    const { reader } = this.#options.repository
    const { parents } = await reader.readCommit(to)
    if (parents.length === 1 && parents[0] === from) return []
    // A commit that is gone since, as after a rewrite, has no descendants.
    if (!(await reader.isAncestor(from, to).catch(() => false))) return []
    const commits = await reader.log(from, to, MAX_SKIPPED + 1)
    return commits
      .map(({ id }) => id)
      .filter(id => id !== to)
      .reverse()
  }
}

/** Of two readings of one commit by one loader. */
function declaresTheSame(before: Revision, { apps }: Revision): boolean {
  return apps.length === before.apps.length && apps.every((app, index) => app === before.apps[index])
}
