import type { Clock } from '../../base/index.ts'

/** How long a bulk computation may hold the event loop before others get a turn. */
const TURN_MS = 8

/** Lets timers and I/O run between the steps of a long computation. */
export class Breather {
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #startedMs: number

  constructor(clock: Clock, signal: AbortSignal) {
    this.#clock = clock
    this.#signal = signal
    this.#startedMs = clock.now()
  }

  /** Call between steps: gives up the turn when it has lasted long enough. Throws when the signal aborted. */
  async breathe(): Promise<void> {
    if (this.#clock.now() - this.#startedMs < TURN_MS) return
    await this.#clock.sleep(0, this.#signal)
    this.#startedMs = this.#clock.now()
  }
}
