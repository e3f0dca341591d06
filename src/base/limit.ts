/** Lets at most `capacity` tasks run at once; the others wait their turn, first come first served. */
export class Limit {
  readonly #capacity: number
  readonly #waiting: (() => void)[] = []
  readonly #lookers: (() => void)[] = []
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
      for (const look of this.#lookers.splice(0)) look()
    }
  }

  /** How many tasks wait for room. */
  get waiting(): number {
    return this.#waiting.length
  }

  /** For what can wait: resolves when no task runs or waits, or when `most` of them have ended meanwhile. */
  async quiet(most: number): Promise<void> {
    for (let ended = 0; ended < most && this.#running > 0; ended += 1)
      await new Promise<void>(resolve => this.#lookers.push(resolve))
  }
}
