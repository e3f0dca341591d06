import { type BackoffOptions, backoffMs, type Clock, type WorkQueue } from '../../base/index.ts'

/** Upstream's podInitialBackoff and podMaxBackoff. */
const BACKOFF: BackoffOptions = { initialMs: 1000, maxMs: 10_000 }
/** A pod that waits is tried again after this long whatever happens (upstream: five minutes). */
const SAFETY_MS = 300_000

/**
 * The pods that no node can take. They wait for something to change in the cluster; a change brings each back at once the first
 * time, and later not before its back-off is over, so that a busy cluster does not try a thousand hopeless pods at each event.
 */
export class WaitingPods {
  readonly #clock: Clock
  readonly #queue: WorkQueue
  readonly #failures = new Map<string, number>()
  /** When each waiting pod may be tried again. */
  readonly #waiting = new Map<string, number>()

  constructor(clock: Clock, queue: WorkQueue) {
    this.#clock = clock
    this.#queue = queue
  }

  /** No node could take it. */
  park(key: string): void {
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    this.#waiting.set(key, this.#clock.now() + backoffMs(failures, BACKOFF))
    this.#queue.addAfter(key, SAFETY_MS)
  }

  /** It found its node, or is gone. */
  forget(key: string): void {
    this.#failures.delete(key)
    this.#waiting.delete(key)
  }

  /** Something changed that may have made room. */
  wake(): void {
    for (const [key, at] of this.#waiting) this.#queue.addAfter(key, at - this.#clock.now())
    this.#waiting.clear()
  }
}
