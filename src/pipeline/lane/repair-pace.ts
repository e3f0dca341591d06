import { backoffMs } from '../../base/index.ts'

/** Repairs in a row that are not delayed. */
const FREE_REPAIRS = 5

const WAITS = { initialMs: 250, maxMs: 60_000 }

/** So long after a repair and its wait the next one counts as the first again. */
const QUIET_MS = 10_000

/**
 * How fast one app is repaired. The first repairs are immediate; a fight with another writer, who puts back at once what was
 * repaired, costs more and more patience.
 */
export class RepairPace {
  #repairs = 0
  #lastAt = Number.NEGATIVE_INFINITY

  /** Counts a repair that is about to begin; the wait before it, in ms. */
  next(nowMs: number): number {
    const isQuiet = nowMs - this.#lastAt > QUIET_MS + this.#wait()
    this.#repairs = isQuiet ? 1 : this.#repairs + 1
    this.#lastAt = nowMs
    return this.#wait()
  }

  #wait(): number {
    return backoffMs(this.#repairs - FREE_REPAIRS, WAITS)
  }
}
