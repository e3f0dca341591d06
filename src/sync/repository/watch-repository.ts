import { type BackoffOptions, backoffMs, type Clock, type Ids, jittered } from '../../base/index.ts'
import { describeProblem, type Repository, type SourceProblem } from './repository.ts'

/** What is known of a branch from now on. */
export type RepositoryEvent =
  | { readonly type: 'head'; readonly commit: string }
  /** The source gives no revision at the moment. What was there before stands; it is tried again by itself. */
  | { readonly type: 'problem'; readonly problem: SourceProblem }

/** For whoever knows better than the poll. */
export interface WatchControl {
  /** The branch may have moved: asks at once. */
  lookNow(): void
  /** The head matters anew: asks at once, and tells it although it was told. */
  tellAgain(): void
}

export interface WatchOptions {
  readonly clock: Clock
  readonly ids: Ids
  readonly signal: AbortSignal
  /** Called once the watch listens. */
  readonly onReady?: (control: WatchControl) => void
}

/** Waits between attempts at a source that cannot be read. */
const RETRY: BackoffOptions = { initialMs: 500, maxMs: 60_000 }

/** Polls vary by this fraction, so that many sources do not ask at once. */
const JITTER = 0.1

/**
 * The branch's head, then each new one, and problems between them; equal news are not told twice. Level-triggered: an event only
 * makes it look again, and while the consumer is busy any number of pushes become one look at the newest.
 * Ends when the signal aborts.
 */
export async function* watchRepository(
  repository: Repository,
  { clock, ids, signal, onReady }: WatchOptions,
): AsyncGenerator<RepositoryEvent, void, void> {
  const bell = new Bell()
  // Ends the listener also when the consumer stops iterating.
  const ended = new AbortController()
  const listening = AbortSignal.any([signal, ended.signal])
  let listener = new AbortController()
  const listen = (): void => {
    listener.abort()
    listener = new AbortController()
    repository.listen(() => bell.ring(), AbortSignal.any([listening, listener.signal]))
  }
  try {
    listen()
    let told = ''
    const lookNow = (): void => bell.ring()
    const tellAgain = (): void => {
      told = ''
      bell.ring()
    }
    onReady?.({ lookNow, tellAgain })
    let failures = 0
    while (!signal.aborted) {
      const event = await look(repository, signal)
      if (event === undefined) return
      // What was listened to may be another folder of the same name now.
      if (event.type === 'head' && failures > 0) listen()
      failures = event.type === 'problem' ? failures + 1 : 0
      const news = event.type === 'head' ? event.commit : `${event.problem.code} ${event.problem.message}`
      if (news !== told) {
        told = news
        yield event
      }
      const waitMs =
        failures > 0 ? Math.min(backoffMs(failures, RETRY), repository.pollMs) : repository.pollMs
      await bell.wait(clock, jittered(waitMs, JITTER, ids.random()), listening)
    }
  } finally {
    ended.abort()
  }
}

async function look(repository: Repository, signal: AbortSignal): Promise<RepositoryEvent | undefined> {
  try {
    return { type: 'head', commit: await repository.head(signal) }
  } catch (error) {
    if (signal.aborted) return undefined
    return { type: 'problem', problem: describeProblem(error) }
  }
}

/** Rung any number of times it wakes its one waiter once; a ring that nobody waits for is kept for the next wait. */
class Bell {
  #rung = false
  #wake: (() => void) | undefined

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves at the next ring, after `ms`, or when the signal aborts. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung && !signal.aborted)
      await new Promise<void>(resolve => {
        const cancel = clock.after(ms, resolve)
        this.#wake = () => {
          cancel()
          resolve()
        }
        signal.addEventListener('abort', this.#wake, { once: true })
      }).finally(() => {
        if (this.#wake !== undefined) signal.removeEventListener('abort', this.#wake)
        this.#wake = undefined
      })
    this.#rung = false
  }
}
