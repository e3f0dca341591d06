import { type KubeObject, objectKey } from '../kube/index.ts'

/** The index values of an object: it is found under each of them. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[]

/** Objects by key, and by whatever else is asked for: what an informer fills and its users read. */
export class ObjectCache<T extends KubeObject> {
  readonly #objects = new Map<string, T>()
  readonly #indexes = new Map<
    string,
    { readonly of: IndexFunction<T>; readonly keys: Map<string, Set<string>> }
  >()

  get size(): number {
    return this.#objects.size
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys()
  }

  values(): IterableIterator<T> {
    return this.#objects.values()
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  /** Puts or replaces an object; returns what was there. */
  set(object: T): T | undefined {
    const key = objectKey(object)
    const previous = this.#objects.get(key)
    this.#objects.set(key, object)
    for (const index of this.#indexes.values()) {
      if (previous !== undefined) unlink(index.keys, index.of(previous), key)
      link(index.keys, index.of(object), key)
    }
    return previous
  }

  /** Removes an object; returns what was there. */
  remove(key: string): T | undefined {
    const previous = this.#objects.get(key)
    if (previous === undefined) return undefined
    this.#objects.delete(key)
    for (const index of this.#indexes.values()) unlink(index.keys, index.of(previous), key)
    return previous
  }

  /** Adds an index over what is there and what will come. An index of this name is kept as it is. */
  addIndex(name: string, of: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return
    const keys = new Map<string, Set<string>>()
    for (const [key, object] of this.#objects) link(keys, of(object), key)
    this.#indexes.set(name, { of, keys })
  }

  /** Throws `RangeError` for an index that was never added. */
  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name)
    if (index === undefined)
      throw new RangeError(`index must be one that was added: current value is "${name}"`)
    const found: T[] = []
    for (const key of index.keys.get(value) ?? []) {
      const object = this.#objects.get(key)
      if (object !== undefined) found.push(object)
    }
    return found
  }
}

function link(keys: Map<string, Set<string>>, values: readonly string[], key: string): void {
  for (const value of values) {
    const set = keys.get(value)
    if (set === undefined) keys.set(value, new Set([key]))
    else set.add(key)
  }
}

function unlink(keys: Map<string, Set<string>>, values: readonly string[], key: string): void {
  for (const value of values) {
    const set = keys.get(value)
    if (set?.delete(key) && set.size === 0) keys.delete(value)
  }
}
