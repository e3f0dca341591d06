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
  #left = BUDGET

  get isEmpty(): boolean {
    return this.#left <= 0
  }

  /** One turn of a loop over a value of this size (of its texts and parts together). */
  spend(size: number): void {
    this.#left -= 1 + size / 1000
    if (this.#left <= 0) throw new BudgetExceeded('the budget of the expressions of one write is used up')
  }
}
