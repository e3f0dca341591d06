const END: IteratorReturnResult<void> = Object.freeze({ done: true, value: undefined })

/** A consumer that waits for an item. */
interface Waiting<T> {
  readonly resolve: (result: IteratorResult<T, void>) => void
  readonly reject: (error: unknown) => void
}

/** A bound on what items weigh together, besides their number. */
export interface ChannelWeight<T> {
  readonly of: (item: T) => number
  readonly limit: number
}

/**
 * A queue between a producer that must not wait and one consumer that iterates. Bounded: a push beyond `capacity` items, or beyond
 * the weight's limit, fails the channel, so that a slow consumer learns that it fell behind and can never hold the producer back.
 * One item is always taken, whatever it weighs.
 *
 * An iterator and no generator, for a generator takes several turns of promises to hand an item on: with a thousand consumers
 * that is most of what a push costs.
 */
export class Channel<T> implements AsyncIterableIterator<T, void, void> {
  readonly #capacity: number
  readonly #overflow: () => Error
  readonly #weight: ChannelWeight<T> | undefined
  /** What was pushed since the consumer took the last batch. */
  #items: T[] = []
  #weighs = 0
  /** What the consumer is at. */
  #batch: T[] = []
  #next = 0
  #ended = false
  #error: unknown
  #waiting: Waiting<T> | undefined

  constructor(capacity: number, overflow: () => Error, weight?: ChannelWeight<T>) {
    this.#capacity = capacity
    this.#overflow = overflow
    this.#weight = weight
  }

  /** Adds an item; false when the channel has ended or this push overflowed it. */
  push(item: T): boolean {
    if (this.#ended) return false
    if (this.#waiting !== undefined) {
      this.#take().resolve({ done: false, value: item })
      return true
    }
    this.#weighs += this.#weight?.of(item) ?? 0
    const isFull = this.#items.length >= this.#capacity
    if (isFull || (this.#items.length > 0 && this.#weighs > (this.#weight?.limit ?? 0))) {
      this.#items = []
      this.fail(this.#overflow())
      return false
    }
    this.#items.push(item)
    return true
  }

  /** No more items; the consumer gets what is queued and then the end. */
  end(): void {
    this.#ended = true
    if (this.#waiting === undefined) return
    const { resolve, reject } = this.#take()
    const error = this.#takeError()
    if (error === undefined) resolve(END)
    else reject(error)
  }

  /** No more items; the consumer gets what is queued and then the error. */
  fail(error: unknown): void {
    if (this.#ended) return
    this.#error = error
    this.end()
  }

  /** The end at once: what is queued is dropped. */
  stop(): void {
    this.#items = []
    this.#batch = []
    this.#error = undefined
    this.end()
  }

  /** Ends the channel when `signal` aborts (at once if it already has). Returns the channel. */
  endOn(signal: AbortSignal): this {
    if (signal.aborted) this.end()
    else signal.addEventListener('abort', () => this.end(), { once: true })
    return this
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** For the one consumer, which asks again only when it was answered. */
  next(): Promise<IteratorResult<T, void>> {
    if (this.#next === this.#batch.length) {
      this.#batch = this.#items
      this.#next = 0
      this.#items = []
      this.#weighs = 0
    }
    if (this.#next < this.#batch.length) {
      const value = this.#batch[this.#next] as T
      this.#next += 1
      return Promise.resolve({ done: false, value })
    }
    if (!this.#ended)
      return new Promise((resolve, reject) => {
        this.#waiting = { resolve, reject }
      })
    const error = this.#takeError()
    return error === undefined ? Promise.resolve(END) : Promise.reject(error)
  }

  /** The consumer wants no more. */
  return(): Promise<IteratorResult<T, void>> {
    this.stop()
    return Promise.resolve(END)
  }

  #take(): Waiting<T> {
    const waiting = this.#waiting as Waiting<T>
    this.#waiting = undefined
    return waiting
  }

  /** Told once; after it there is only the end. */
  #takeError(): unknown {
    const error = this.#error
    this.#error = undefined
    return error
  }
}
