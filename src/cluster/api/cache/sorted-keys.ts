/** The keys of a cache in order. Keys are compared by code unit: names and namespaces are ASCII. */
export class SortedKeys {
  readonly #keys: string[] = []

  /** Adds a key that is not there. */
  add(key: string): void {
    this.#keys.splice(this.#lowerBound(key), 0, key)
  }

  /** Takes a key away that is there. */
  remove(key: string): void {
    this.#keys.splice(this.#lowerBound(key), 1)
  }

  /** The keys that start with `prefix`. */
  withPrefix(prefix: string): string[] {
    const start = this.#lowerBound(prefix)
    // The prefix ends in `/`, and `0` is the character after it.
    const end = this.#lowerBound(`${prefix.slice(0, -1)}0`)
    return this.#keys.slice(start, end)
  }

  /** The position of the first key that is not below `key`. */
  #lowerBound(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#keys[middle]! < key) low = middle + 1
      else high = middle
    }
    return low
  }
}
