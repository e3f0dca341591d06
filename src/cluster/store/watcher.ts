import { BowlineError, type KeyEvents } from '../../base/index.ts'

/**
 * One live watch: batches wait here for their reader. Never holds a writer back: a reader that is more than `capacity`
 * batches behind loses them and gets an error of code `compacted`. Progress is a number, not a queue, and cannot overflow.
 */
export class Watcher {
  readonly prefix: string
  /** Whether its events tell what keys held before. */
  readonly wantsPrevious: boolean
  readonly #from: number
  readonly #capacity: number
  #batches: KeyEvents[] = []
  /** Everything up to here is queued or was handed out. */
  #seen: number
  #ended = false
  #error: unknown
  #wake: (() => void) | undefined

  /** Wants every batch from revision `from` on. */
  constructor(prefix: string, from: number, wantsPrevious: boolean, capacity: number) {
    this.prefix = prefix
    this.wantsPrevious = wantsPrevious
    this.#from = from
    this.#seen = from - 1
    this.#capacity = capacity
  }

  /** Adds the events of one revision. */
  push(batch: KeyEvents): void {
    if (this.#ended || batch.revision < this.#from) return
    if (this.#batches.length >= this.#capacity) {
      this.#batches = []
      this.fail(new BowlineError('compacted', 'Cannot go on watching: the reader fell too far behind'))
      return
    }
    this.#batches.push(batch)
    this.advance(batch.revision)
  }

  /** Tells that nothing else happened under the prefix up to `revision`. */
  advance(revision: number): void {
    if (this.#ended || revision <= this.#seen) return
    this.#seen = revision
    this.#signal()
  }

  /** Ends the watch after what is queued. */
  end(): void {
    this.#ended = true
    this.#signal()
  }

  /** Ends the watch with an error after what is queued. */
  fail(error: unknown): void {
    if (this.#ended) return
    this.#error = error
    this.end()
  }

  /** What comes, in order; when nothing is queued, a batch without events for progress since the last one. */
  async *read(signal: AbortSignal): AsyncGenerator<KeyEvents, void, void> {
    const onAbort = (): void => {
      this.#batches = []
      this.end()
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
    try {
      let told = this.#from - 1
      for (;;) {
        const batches = this.#batches
        this.#batches = []
        for (const batch of batches) {
          told = batch.revision
          yield batch
          if (signal.aborted) return
        }
        if (this.#batches.length > 0) continue
        if (this.#seen > told) {
          told = this.#seen
          yield { revision: told, events: [] }
          continue
        }
        if (this.#ended) break
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      }
      if (this.#error !== undefined) throw this.#error
    } finally {
      this.#ended = true
      this.#batches = []
      signal.removeEventListener('abort', onAbort)
    }
  }

  #signal(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
