/** Tells every subscriber of each value, synchronously and in order. One that throws never stops the others. */
export class Broadcast<T> {
  readonly #subscribers = new Set<(value: T) => void>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  get size(): number {
    return this.#subscribers.size
  }

  /** Returns the function that ends the subscription. */
  subscribe(subscriber: (value: T) => void): () => void {
    this.#subscribers.add(subscriber)
    return () => this.#subscribers.delete(subscriber)
  }

  publish(value: T): void {
    for (const subscriber of [...this.#subscribers]) {
      try {
        subscriber(value)
      } catch (error) {
        this.#onError(error)
      }
    }
  }
}
