/** Whether anybody waits for the result, or it is work that only has to be done some time: that yields to all other work. */
export type Urgency = 'soon' | 'later'

/**
 * How long computations may hold the event loop together before timers and I/O run again. A hundredth of a second is not noticed; but
 * what is wanted soon and waits for a disk or a process now and then gives way to the rest each time. A turn of the loop costs some
 * microseconds.
 */
const TURN_MS: Readonly<Record<Urgency, number>> = { soon: 8, later: 2 }

/** Computations that go on in one turn, where nobody waits for them: many of them end, or wait for something else, after a single step. */
const LATER_AT_ONCE = 8

/**
 * The turns of the event loop, shared by everybody in the process who computes for long: there is one loop, so what counts is how long
 * it has been held, not by whom.
 */
class Turns {
  readonly #waiting: Readonly<Record<Urgency, (() => void)[]>> = { soon: [], later: [] }
  /** When the present turn began; undefined when nobody has asked during it. */
  #begunMs: number | undefined
  #isArmed = false

  /** Whether the loop has been held for long enough. */
  isOver(urgency: Urgency): boolean {
    if (this.#begunMs === undefined) this.#begin()
    return performance.now() - (this.#begunMs as number) >= TURN_MS[urgency]
  }

  /**
   * Resolves in a later turn of the loop, in order: one computation that is wanted soon goes on in each, or, where there is none, some of
   * the others, which have that turn together.
   */
  next(urgency: Urgency): Promise<void> {
    return new Promise(resolve => {
      this.#waiting[urgency].push(resolve)
      this.#arm()
    })
  }

  #begin(): void {
    this.#begunMs = performance.now()
    this.#arm()
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    setImmediate(() => {
      this.#isArmed = false
      this.#begunMs = undefined
      const { soon, later } = this.#waiting
      const next = soon.length > 0 ? soon.splice(0, 1) : later.splice(0, LATER_AT_ONCE)
      if (next.length === 0) return
      this.#begin()
      for (const resume of next) resume()
    })
  }
}

const turns = new Turns()

/**
 * Lets timers and I/O run between the steps of a long computation: call it between steps, and wait for what it returns. That is undefined
 * as long as the event loop has not been held for long, so that a short computation costs no turn and not even a promise.
 *
 *     for (const item of items) {
 *       compute(item)
 *       await breathe()
 *     }
 */
export function breathe(urgency: Urgency = 'soon'): Promise<void> | undefined {
  return turns.isOver(urgency) ? turns.next(urgency) : undefined
}
