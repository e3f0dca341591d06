/** Items in one block; a full block is split in two. */
const BLOCK = 512

/**
 * Items in the order of their keys, each key once. A list of small blocks: a change moves at most one block, however many items there
 * are, and a walk is a walk over arrays.
 */
export class SortedList<T> {
  readonly #keyOf: (item: T) => string
  readonly #compare: (a: string, b: string) => number
  readonly #blocks: T[][] = [[]]

  /** `compare` answers as for `Array.sort`. */
  constructor(keyOf: (item: T) => string, compare: (a: string, b: string) => number) {
    this.#keyOf = keyOf
    this.#compare = compare
  }

  /** Adds an item whose key is not there. */
  add(item: T): void {
    const key = this.#keyOf(item)
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    block.splice(this.#lowerBound(block, key), 0, item)
    if (block.length > BLOCK) this.#blocks.splice(at + 1, 0, block.splice(BLOCK / 2))
  }

  /** Takes the item of a key away that is there. */
  remove(key: string): void {
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    block.splice(this.#lowerBound(block, key), 1)
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(at, 1)
  }

  /** The items whose key is not below `start`, in order. Not to be changed while walked. */
  *from(start: string): Generator<T, void, void> {
    let index = this.#blockOf(start)
    let at = this.#lowerBound(this.#blocks[index]!, start)
    for (; index < this.#blocks.length; index += 1, at = 0) {
      const block = this.#blocks[index]!
      for (; at < block.length; at += 1) yield block[at]!
    }
  }

  /** The items whose key is not below `start` and below `end`, in order. */
  between(start: string, end: string): T[] {
    const found: T[][] = []
    for (let index = this.#blockOf(start); index < this.#blocks.length; index += 1) {
      const block = this.#blocks[index]!
      if (found.length > 0 && this.#compare(this.#keyOf(block[0]!), end) >= 0) break
      found.push(block.slice(this.#lowerBound(block, start), this.#lowerBound(block, end)))
    }
    return found.flat()
  }

  /** The block that holds `key`, or would: the last one whose first key is not above it. */
  #blockOf(key: string): number {
    let low = 0
    let high = this.#blocks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#compare(this.#keyOf(this.#blocks[middle]![0]!), key) <= 0) low = middle
      else high = middle - 1
    }
    return low
  }

  /** The first position in a block whose key is not below `key`. */
  #lowerBound(block: readonly T[], key: string): number {
    let low = 0
    let high = block.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#compare(this.#keyOf(block[middle]!), key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}
