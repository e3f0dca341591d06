/** Steps that the expressions of one write may take together, over small values. About as many as upstream's budget allows. */
const BUDGET = 1_000_000

/** An expression took too many steps. */
export class BudgetExceeded extends Error {
  override name = 'BudgetExceeded'
}

/**
 * What the expressions of one write may still cost. A step costs more the larger the value is that they look at, as every function takes time
 * linear in what it is given: whatever somebody writes, the process answers others soon.
 */
export class Meter {
  #left: number
  readonly #whole: Meter | undefined

  /** With a `whole`, this is a share of it: what is spent here is spent there too. */
  constructor(budget: number = BUDGET, whole?: Meter) {
    this.#left = budget
    this.#whole = whole
  }

  get isEmpty(): boolean {
    return this.#left <= 0 || this.#whole?.isEmpty === true
  }

  /** One turn of a loop over a value of this size (of its texts and parts together). */
  spend(size: number): void {
    this.#whole?.spend(size)
    this.#left -= 1 + size / 1000
    if (this.#left <= 0) throw new BudgetExceeded('the budget of the expressions of one write is used up')
  }

  /** A value that was made or is compared: its texts and parts together, each as often as it is reached. */
  weigh(value: unknown): number {
    if (this.isEmpty) this.spend(0)
    const size = sizeOf(value, MAX_SIZE)
    this.spend(size)
    if (size >= MAX_SIZE) throw new BudgetExceeded('an expression makes a value that is too large')
    return size
  }
}

/** Ten times the largest object: an expression that makes more of it is a mistake, or worse. */
const MAX_SIZE = 15 * 1024 * 1024

function sizeOf(value: unknown, limit: number): number {
  let size = 0
  const waiting: unknown[] = [value]
  while (waiting.length > 0 && size < limit) {
    const next = waiting.pop()
    size += typeof next === 'string' ? 1 + next.length : 1
    if (typeof next !== 'object' || next === null) continue
    if (ArrayBuffer.isView(next)) size += next.byteLength
    else if (Array.isArray(next)) for (const item of next) waiting.push(item)
    else if (next instanceof Map)
      for (const [key, item] of next) {
        size += String(key).length
        waiting.push(item)
      }
    else
      for (const [key, item] of Object.entries(next)) {
        size += key.length
        waiting.push(item)
      }
  }
  return size
}
