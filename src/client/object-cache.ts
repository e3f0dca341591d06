import type { KubeObject } from '../kube/index.ts'
import type { Listed } from './client.ts'

/** The index values of an object: it is found under each of them. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[]

interface Index<T extends KubeObject> {
  readonly of: IndexFunction<T>
  /** What mentions none of these has no value. */
  readonly mentioning: readonly string[] | undefined
  /** The keys by value; absent until somebody asks, for it takes all the objects. */
  keys?: Map<string, Set<string>>
}

/**
 * Objects by key, by namespace, and by whatever else is asked for: what an informer fills and its users read. An object that is made
 * when it is first asked for stays unmade until somebody wants it, or an index over it.
 */
export class ObjectCache<T extends KubeObject> {
  readonly #entries = new Map<string, Listed<T>>()
  readonly #namespaces = new Map<string, Set<string>>()
  readonly #indexes = new Map<string, Index<T>>()

  get size(): number {
    return this.#entries.size
  }

  keys(): IterableIterator<string> {
    return this.#entries.keys()
  }

  entries(): IterableIterator<Listed<T>> {
    return this.#entries.values()
  }

  get(key: string): Listed<T> | undefined {
    return this.#entries.get(key)
  }

  /** Puts or replaces an object; returns what was there. */
  set(entry: Listed<T>): Listed<T> | undefined {
    const { key } = entry
    const previous = this.#entries.get(key)
    this.#entries.set(key, entry)
    if (previous === undefined) link(this.#namespaces, namespacesOf(key), key)
    for (const index of this.#indexes.values()) {
      const { keys } = index
      if (keys === undefined) continue
      if (previous !== undefined) unlink(keys, valuesIn(index, previous), key)
      link(keys, valuesIn(index, entry), key)
    }
    return previous
  }

  /** Removes an object; returns what was there. */
  remove(key: string): Listed<T> | undefined {
    const previous = this.#entries.get(key)
    if (previous === undefined) return undefined
    this.#entries.delete(key)
    unlink(this.#namespaces, namespacesOf(key), key)
    for (const index of this.#indexes.values())
      if (index.keys !== undefined) unlink(index.keys, valuesIn(index, previous), key)
    return previous
  }

  /**
   * Adds an index over what is there and what will come, which only what mentions one of these words can be in. An index of this name is
   * kept as it is.
   */
  addIndex(name: string, of: IndexFunction<T>, mentioning?: readonly string[]): void {
    if (!this.#indexes.has(name)) this.#indexes.set(name, { of, mentioning })
  }

  inNamespace(namespace: string): readonly T[] {
    return this.#objects(this.#namespaces.get(namespace))
  }

  /** Throws `RangeError` for an index that was never added. */
  byIndex(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name)
    if (index === undefined)
      throw new RangeError(`index must be one that was added: current value is "${name}"`)
    index.keys ??= this.#keysBy(index)
    return this.#objects(index.keys.get(value))
  }

  #keysBy(index: Index<T>): Map<string, Set<string>> {
    const keys = new Map<string, Set<string>>()
    for (const entry of this.#entries.values()) link(keys, valuesIn(index, entry), entry.key)
    return keys
  }

  #objects(keys: Iterable<string> = []): readonly T[] {
    const found: T[] = []
    for (const key of keys) {
      const entry = this.#entries.get(key)
      if (entry !== undefined) found.push(entry.object)
    }
    return found
  }
}

/** An object that cannot have a value is not made to be asked. */
function valuesIn<T extends KubeObject>({ of, mentioning }: Index<T>, entry: Listed<T>): readonly string[] {
  return mentioning === undefined || entry.mayMention(mentioning) ? of(entry.object) : []
}

/** As an index: `` for what is in none. */
function namespacesOf(key: string): readonly [string] {
  return [key.slice(0, Math.max(0, key.indexOf('/')))]
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
