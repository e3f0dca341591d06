import type { Costs } from './environment.ts'

/** What the expressions of one write may cost together, in about microseconds. In proportion about as much as upstream's budget allows. */
const BUDGET = 1_000_000
/** Sizes are in characters, of which a thousand take a microsecond. What an operation within a turn of a loop is of them, as measured. */
const OPERATION_SIZE = 100
/** The same of an item of a list or a member of a map, which is copied or looked at. */
const PART_SIZE = 50

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
