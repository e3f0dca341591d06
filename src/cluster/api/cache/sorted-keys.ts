import { SortedList } from '../../../base/index.ts'

/** The keys of a cache, in order. They are compared by code unit: names and namespaces are ASCII. */
export class SortedKeys {
  readonly #keys = new SortedList<string>(
    key => key,
    (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  )

  /** Adds a key that is not there. */
  add(key: string): void {
    this.#keys.add(key)
  }

  /** Takes a key away that is there. */
  remove(key: string): void {
    this.#keys.remove(key)
  }

  /** The keys that start with `prefix`, which ends in `/`: `0` is the character after it. */
  withPrefix(prefix: string): string[] {
    return this.#keys.between(prefix, `${prefix.slice(0, -1)}0`)
  }
}
