/** Lets at most `capacity` tasks run at once; the others wait their turn, first come first served. */
export class Limit {
  readonly #capacity: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(capacity: number) {
    if (!(capacity >= 1)) throw new RangeError(`capacity must be >= 1: current value is ${capacity}`)
    this.#capacity = capacity
  }

  /** Runs `task` when there is room; its result or error is the answer. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#capacity) await new Promise<void>(resolve => this.#waiting.push(resolve))
    else this.#running += 1
    try {
      return await task()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next()
    }
  }
}
