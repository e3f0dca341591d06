import { type BackoffOptions, backoffMs } from './backoff.ts'
import type { Clock } from './clock.ts'

/** Waits between failed attempts at one key (client-go: 5 ms to 1,000 s; a shorter ceiling keeps healing quick). */
const RETRY: BackoffOptions = { initialMs: 5, maxMs: 60_000 }

/**
 * The queue behind every controller, with client-go's three sets: a key is never worked twice at once, and a change
 * that arrives during the work queues it exactly once more.
 */
export class WorkQueue {
  readonly #clock: Clock
  readonly #retry: BackoffOptions
  readonly #queue: string[] = []
  readonly #dirty = new Set<string>()
  readonly #processing = new Set<string>()
  readonly #failures = new Map<string, number>()
  readonly #timers = new Map<string, { readonly at: number; readonly cancel: () => void }>()
  readonly #takers: ((key: string | undefined) => void)[] = []
  #closed = false

  /** `retry`: the waits of `addRateLimited`. */
  constructor(clock: Clock, retry: BackoffOptions = RETRY) {
    this.#clock = clock
    this.#retry = retry
  }

  /** Keys that wait for a worker (not those being worked). */
  get length(): number {
    return this.#queue.length
  }

  /** Asks for `key` to be worked on. */
  add(key: string): void {
    if (this.#closed || this.#dirty.has(key)) return
    this.#dirty.add(key)
    if (!this.#processing.has(key)) this.#offer(key)
  }

  /** Asks for `key` to be worked on after `ms`; of several waits for a key the earliest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return
    if (ms <= 0) return this.add(key)
    const at = this.#clock.now() + ms
    const waiting = this.#timers.get(key)
    if (waiting !== undefined && waiting.at <= at) return
    waiting?.cancel()
    const cancel = this.#clock.after(ms, () => {
      this.#timers.delete(key)
      this.add(key)
    })
    this.#timers.set(key, { at, cancel })
  }

  /** Asks for `key` again after its back-off, which grows with each call until `forget`. */
  addRateLimited(key: string): void {
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, failures)
    this.addAfter(key, backoffMs(failures, this.#retry))
  }

  /** How often in a row `key` has failed. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  /** Resets the back-off of `key`. */
  forget(key: string): void {
    this.#failures.delete(key)
  }

  /** The next key to work on, or undefined when the queue is closed. Call `done` when finished with it. */
  take(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined)
    const key = this.#queue.shift()
    if (key !== undefined) {
      this.#begin(key)
      return Promise.resolve(key)
    }
    return new Promise(resolve => this.#takers.push(resolve))
  }

  /** Ends the work on `key`; if it was added meanwhile it is queued again. */
  done(key: string): void {
    this.#processing.delete(key)
    if (this.#dirty.has(key) && !this.#closed) this.#offer(key)
  }

  /** Forgets what waits; every taker gets undefined. */
  close(): void {
    this.#closed = true
    this.#queue.length = 0
    for (const { cancel } of this.#timers.values()) cancel()
    this.#timers.clear()
    for (const taker of this.#takers.splice(0)) taker(undefined)
  }

  #offer(key: string): void {
    const taker = this.#takers.shift()
    if (taker === undefined) {
      this.#queue.push(key)
      return
    }
    this.#begin(key)
    taker(key)
  }

  #begin(key: string): void {
    this.#dirty.delete(key)
    this.#processing.add(key)
  }
}
