/** A name and what it stands for, as one of possibly several owners wants it. */
interface Claim<V> {
  /** Of the owner: lower came earlier. */
  readonly order: number
  readonly value: V
  /** The claim of the owner that came next. */
  next: Claim<V> | undefined
}

/**
 * Names that owners claim a value for. Of several owners the one that came first has it; when it withdraws, the next one does. It
 * remembers what was in effect at the last `settle` for the names that were touched since, so that a difference costs no look at the rest.
 */
export class Claims<V> {
  readonly #first = new Map<string, Claim<V>>()
  readonly #before = new Map<string, V | undefined>()

  /** Of two claims of one owner the first counts. */
  claim(name: string, order: number, value: V): void {
    this.#touch(name)
    let previous: Claim<V> | undefined
    let next = this.#first.get(name)
    while (next !== undefined && next.order < order) {
      previous = next
      next = next.next
    }
    if (next?.order === order) return
    const claim = { order, value, next }
    if (previous === undefined) this.#first.set(name, claim)
    else previous.next = claim
  }

  withdraw(name: string, order: number): void {
    this.#touch(name)
    let previous: Claim<V> | undefined
    let claim = this.#first.get(name)
    while (claim !== undefined && claim.order !== order) {
      previous = claim
      claim = claim.next
    }
    if (claim === undefined) return
    if (previous !== undefined) previous.next = claim.next
    else if (claim.next !== undefined) this.#first.set(name, claim.next)
    else this.#first.delete(name)
  }

  names(): Iterable<string> {
    return this.#first.keys()
  }

  /** All that is in effect. */
  all(): ReadonlyMap<string, V> {
    return new Map([...this.#first].map(([name, { value }]) => [name, value]))
  }

  /** Of the names that were touched since the last `settle`: what was in effect then. */
  before(): ReadonlyMap<string, V> {
    return new Map([...this.#before].filter((entry): entry is [string, V] => entry[1] !== undefined))
  }

  /** Of the same names: what is in effect now. */
  after(): ReadonlyMap<string, V> {
    const now = new Map<string, V>()
    for (const name of this.#before.keys()) {
      const claim = this.#first.get(name)
      if (claim !== undefined) now.set(name, claim.value)
    }
    return now
  }

  get isEmpty(): boolean {
    return this.#first.size === 0
  }

  settle(): void {
    this.#before.clear()
  }

  #touch(name: string): void {
    if (!this.#before.has(name)) this.#before.set(name, this.#first.get(name)?.value)
  }
}
