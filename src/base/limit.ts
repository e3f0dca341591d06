import type { Clock } from './clock.ts'

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

  /** Runs `task` when there is room; its result or error is the answer. The task may `leave` its room to others before its end. */
  async run<T>(task: (leave: () => void) => Promise<T>): Promise<T> {
    if (this.#running >= this.#capacity) await new Promise<void>(resolve => this.#waiting.push(resolve))
    else this.#running += 1
    let isInside = true
    const leave = (): void => {
      if (!isInside) return
      isInside = false
      const next = this.#waiting.shift()
      if (next === undefined) this.#running -= 1
      else next()
      for (const look of this.#lookers.splice(0)) look()
    }
    try {
      return await task(leave)
    } finally {
      leave()
    }
  }

  /** Like {@link run}, but the task has its room for `ms` at most: one that takes longer waits for something that others need not. */
  runBriefly<T>(task: () => Promise<T>, clock: Clock, ms: number): Promise<T> {
    return this.run(async leave => {
      const cancel = clock.after(ms, leave)
      try {
        return await task()
      } finally {
        cancel()
      }
    })
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
