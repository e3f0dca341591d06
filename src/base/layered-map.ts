/** Changes on top of a large map are copied with each version; beyond this, or a sixteenth of the map, they become part of it. */
const MIN_LAYER = 64

/**
 * A map that is never changed: a new version costs what differs from the one before, and two versions of one map are compared by what
 * was changed since. Its order is that of no version in particular.
 */
export class LayeredMap<K, V> implements ReadonlyMap<K, V> {
  readonly #base: ReadonlyMap<K, V>
  /** What differs from the base; undefined stands for what is gone. */
  readonly #layer: ReadonlyMap<K, { readonly value: V } | undefined>
  readonly size: number

  private constructor(base: ReadonlyMap<K, V>, layer: ReadonlyMap<K, { readonly value: V } | undefined>) {
    this.#base = base
    this.#layer = layer
    let size = base.size
    for (const [key, entry] of layer) size += Number(entry !== undefined) - Number(base.has(key))
    this.size = size
  }

  /** Of two entries with one key the later counts. */
  static of<K, V>(entries: Iterable<readonly [K, V]>): LayeredMap<K, V> {
    return new LayeredMap(new Map(entries), new Map())
  }

  /** The next version: without what is `gone`, and then with `entries`. */
  with(entries: Iterable<readonly [K, V]>, gone: Iterable<K> = []): LayeredMap<K, V> {
    const layer = new Map(this.#layer)
    for (const key of gone)
      if (this.#base.has(key)) layer.set(key, undefined)
      else layer.delete(key)
    for (const [key, value] of entries) layer.set(key, { value })
    const next = new LayeredMap(this.#base, layer)
    return layer.size > Math.max(MIN_LAYER, this.#base.size / 16) ? LayeredMap.of(next) : next
  }

  /** The keys that may differ between two versions of one map; undefined when these are two maps. */
  changedFrom(earlier: LayeredMap<K, V>): ReadonlySet<K> | undefined {
    return this.#base === earlier.#base
      ? new Set([...this.#layer.keys(), ...earlier.#layer.keys()])
      : undefined
  }

  get(key: K): V | undefined {
    const entry = this.#layer.get(key)
    if (entry !== undefined) return entry.value
    return this.#layer.has(key) ? undefined : this.#base.get(key)
  }

  has(key: K): boolean {
    const entry = this.#layer.get(key)
    return entry !== undefined || (!this.#layer.has(key) && this.#base.has(key))
  }

  *entries(): IterableIterator<[K, V]> {
    for (const entry of this.#base) if (!this.#layer.has(entry[0])) yield entry
    for (const [key, entry] of this.#layer) if (entry !== undefined) yield [key, entry.value]
  }

  *keys(): IterableIterator<K> {
    for (const [key] of this.entries()) yield key
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.entries()
  }

  forEach(call: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) call(value, key, this)
  }
}
