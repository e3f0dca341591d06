/** A bound on what items weigh together, besides their number. */
export interface ChannelWeight<T> {
  readonly of: (item: T) => number
  readonly limit: number
}

/**
 * A queue between a producer that must not wait and one consumer that iterates. Bounded: a push beyond `capacity` items, or beyond
 * the weight's limit, fails the channel, so that a slow consumer learns that it fell behind and can never hold the producer back.
 * One item is always taken, whatever it weighs.
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly #capacity: number
  readonly #overflow: () => Error
  readonly #weight: ChannelWeight<T> | undefined
  #items: T[] = []
  #weighs = 0
  #ended = false
  #error: unknown
  #wake: (() => void) | undefined

  constructor(capacity: number, overflow: () => Error, weight?: ChannelWeight<T>) {
    this.#capacity = capacity
    this.#overflow = overflow
    this.#weight = weight
  }

  /** Adds an item; false when the channel has ended or this push overflowed it. */
  push(item: T): boolean {
    if (this.#ended) return false
    this.#weighs += this.#weight?.of(item) ?? 0
    const isFull = this.#items.length >= this.#capacity
    if (isFull || (this.#items.length > 0 && this.#weighs > (this.#weight?.limit ?? 0))) {
      this.#items = []
      this.fail(this.#overflow())
      return false
    }
    this.#items.push(item)
    this.#signal()
    return true
  }

  /** No more items; the consumer gets what is queued and then the end. */
  end(): void {
    this.#ended = true
    this.#signal()
  }

  /** No more items; the consumer gets what is queued and then the error. */
  fail(error: unknown): void {
    if (this.#ended) return
    this.#error = error
    this.end()
  }

  /** Ends the channel when `signal` aborts (at once if it already has). Returns the channel. */
  endOn(signal: AbortSignal): this {
    if (signal.aborted) this.end()
    else signal.addEventListener('abort', () => this.end(), { once: true })
    return this
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    try {
      for (;;) {
        const batch = this.#items
        this.#items = []
        this.#weighs = 0
        for (const item of batch) yield item
        if (this.#items.length > 0) continue
        if (this.#ended) break
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      }
      if (this.#error !== undefined) throw this.#error
    } finally {
      this.#items = []
      this.#ended = true
    }
  }

  #signal(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
