import { type BackoffOptions, backoffMs, type Clock, type WorkQueue } from '../../base/index.ts'
import type { PodFacts } from './node-state.ts'

/** Upstream's podInitialBackoff and podMaxBackoff. */
const BACKOFF: BackoffOptions = { initialMs: 1000, maxMs: 10_000 }
/** A pod that waits is tried again after this long whatever happens (upstream: five minutes). */
const SAFETY_MS = 300_000
/** So many pods are tried at once for the same room. */
const MAX_AT_ONCE = 64
/** As long as no more than that wait, they need no back-off but this. */
const PAUSE_MS = 100

interface Waiting {
  readonly pod: PodFacts
  readonly triedAt: number
  readonly failures: number
}

/**
 * The pods that no node can take. When a node changes, those that it could take now are tried at once, the longest waiting
 * first. The others are tried again too, if only to explain anew why not: soon when they are few, and else after a back-off
 * that grows with each failure, so that a busy cluster does not try a thousand hopeless pods at each event.
 */
export class WaitingPods {
  readonly #clock: Clock
  readonly #queue: WorkQueue
  readonly #failures = new Map<string, number>()
  readonly #waiting = new Map<string, Waiting>()

  constructor(clock: Clock, queue: WorkQueue) {
    this.#clock = clock
    this.#queue = queue
  }

  /** No node could take it. */
  park(key: string, pod: PodFacts): void {
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, failures)
    this.#waiting.set(key, { pod, triedAt: this.#clock.now(), failures })
    this.#queue.addAfter(key, SAFETY_MS)
  }

  /** It found its node, or is gone. */
  forget(key: string): void {
    this.#failures.delete(key)
    this.#waiting.delete(key)
  }

  /** A node changed; `fits` says whether it could take a pod now. */
  wake(fits: (pod: PodFacts) => boolean): void {
    let atOnce = 0
    for (const [key, waiting] of this.#waiting) {
      if (atOnce < MAX_AT_ONCE && fits(waiting.pod)) {
        atOnce += 1
        this.#queue.add(key)
      } else this.#retry(key, waiting)
    }
  }

  /** Other pods changed; `isConcerned` says whether that may matter to a pod. */
  retry(isConcerned: (pod: PodFacts) => boolean): void {
    for (const [key, waiting] of this.#waiting) if (isConcerned(waiting.pod)) this.#retry(key, waiting)
  }

  #retry(key: string, { triedAt, failures }: Waiting): void {
    const pause = this.#waiting.size <= MAX_AT_ONCE ? PAUSE_MS : backoffMs(failures, BACKOFF)
    this.#queue.addAfter(key, triedAt + pause - this.#clock.now())
  }
}
