import { formatSubnet, overlaps, parseSubnet, type Subnet, sizeOf } from '../../../base/index.ts'

export interface RangePoolOptions {
  /** What is divided. */
  readonly within: Subnet
  /** The prefix of each part; not shorter than that of the whole. */
  readonly prefix: number
  /** What is never given away. */
  readonly except: readonly Subnet[]
}

/**
 * Gives parts of a range to owners, never one to two. Who holds what is told to it from outside too, so that it forgets nothing by a
 * restart. The search goes on behind the part given last: what was freed is the last to be given again.
 */
export class RangePool {
  readonly #within: Subnet
  readonly #prefix: number
  readonly #except: readonly Subnet[]
  readonly #count: number
  /** How many addresses a part has. */
  readonly #size: number
  /** The parts that each owner touches, and how many owners touch each part: what others chose may overlap. */
  readonly #owners = new Map<string, readonly number[]>()
  readonly #users = new Map<number, number>()
  #next = 0

  constructor({ within, prefix, except }: RangePoolOptions) {
    this.#within = within
    this.#prefix = prefix
    this.#except = except
    this.#count = 2 ** (prefix - within.prefix)
    this.#size = 2 ** (32 - prefix)
  }

  /** `owner` holds these ranges, whoever gave them, and nothing else. Texts that are no IPv4 range are passed over. */
  occupy(owner: string, ranges: readonly string[]): void {
    this.release(owner)
    const parts = ranges.map(parseSubnet).flatMap(range => (range === undefined ? [] : this.#touched(range)))
    this.#owners.set(owner, parts)
    for (const part of parts) this.#users.set(part, (this.#users.get(part) ?? 0) + 1)
  }

  release(owner: string): void {
    for (const part of this.#owners.get(owner) ?? []) {
      const left = (this.#users.get(part) ?? 0) - 1
      if (left > 0) this.#users.set(part, left)
      else this.#users.delete(part)
    }
    this.#owners.delete(owner)
  }

  /** A part for `owner`, which holds it from now on; undefined when there is none left. */
  take(owner: string): string | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      const part = (this.#next + tried) % this.#count
      const range = this.#partAt(part)
      if (this.#users.has(part) || this.#except.some(other => overlaps(other, range))) continue
      this.#next = (part + 1) % this.#count
      const text = formatSubnet(range)
      this.occupy(owner, [text])
      return text
    }
    return undefined
  }

  #partAt(part: number): Subnet {
    return { base: this.#within.base + part * this.#size, prefix: this.#prefix }
  }

  #touched(range: Subnet): readonly number[] {
    if (!overlaps(range, this.#within)) return []
    const offset = range.base - this.#within.base
    const first = Math.max(0, Math.floor(offset / this.#size))
    const last = Math.min(this.#count, Math.ceil((offset + sizeOf(range)) / this.#size))
    return Array.from({ length: last - first }, (_, index) => first + index)
  }
}
