import type { Costs } from './costs.ts'

/** What the expressions of one write may cost together, in about microseconds. In proportion about as much as upstream's budget allows. */
const BUDGET = 1_000_000
/** Sizes are in characters, of which a thousand take a microsecond. What an operation within a turn of a loop is of them, as measured. */
const OPERATION_SIZE = 100
/** The same of an item of a list or a member of a map, which is copied or looked at. */
const PART_SIZE = 50

/** What each character of a text costs a regular expression, by its size: as measured with those of many nested repetitions. */
const MATCH_STEP_SIZE = 10
/** The same where the places are asked for, which follows every way through the expression at once. */
const FIND_SIZE = 300
const FIND_STEP_SIZE = 100

/** An expression took too many steps. */
export class BudgetExceeded extends Error {
  override name = 'BudgetExceeded'
}

/**
 * What the expressions of one write may still cost. Functions take time linear in what they are given, loops in their turns, comparisons in
 * all that the values hold: whatever somebody writes, the process answers others soon.
 */
export class Meter implements Costs {
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

  /** One step over values of this size. */
  spend(size: number): void {
    this.#whole?.spend(size)
    this.#left -= 1 + size / 1000
    if (this.#left <= 0) throw new BudgetExceeded('the budget of the expressions of one write is used up')
  }

  turn(operations: number): void {
    this.spend(operations * OPERATION_SIZE)
  }

  compiled(size: number): void {
    this.spend(size * 1000)
  }

  searched(length: number, size: number, forPlaces: boolean): void {
    this.spend(length * (forPlaces ? FIND_SIZE + size * FIND_STEP_SIZE : size * MATCH_STEP_SIZE))
  }

  measured(value: unknown): void {
    if (typeof value === 'string') this.spend(value.length)
    else if (Array.isArray(value)) this.spend(value.length * PART_SIZE)
    else if (ArrayBuffer.isView(value)) this.spend(value.byteLength)
    else this.spend(0)
  }

  weighed(value: unknown): void {
    this.weigh(value)
  }

  /** Spends the size of a value, each part as often as it is reached, and answers with it. */
  weigh(value: unknown): number {
    if (this.isEmpty) this.spend(0)
    const size = sizeOf(value, MAX_SIZE)
    this.spend(size)
    if (size >= MAX_SIZE) throw new BudgetExceeded('an expression makes a value that is too large')
    return size
  }
}

/** The costs of an environment that outlives the meters which pay for them. */
export function costsOf(current: () => Meter): Costs {
  return {
    turn: operations => current().turn(operations),
    compiled: size => current().compiled(size),
    searched: (length, size, forPlaces) => current().searched(length, size, forPlaces),
    weighed: value => current().weighed(value),
    measured: value => current().measured(value),
  }
}

/** Ten times the largest object: an expression that makes more of it is a mistake, or worse. */
const MAX_SIZE = 15 * 1024 * 1024

function sizeOf(value: unknown, limit: number): number {
  let size = 0
  const waiting: unknown[] = [value]
  while (waiting.length > 0 && size < limit) {
    const next = waiting.pop()
    size += typeof next === 'string' ? PART_SIZE + next.length : PART_SIZE
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
