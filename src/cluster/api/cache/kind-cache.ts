import { Kinds, type Pod, registryKey, registryPrefix } from '../../../kube/index.ts'
import { requiredValue, type Selection } from './selection.ts'
import { SortedKeys } from './sorted-keys.ts'
import type { StoredEntry } from './stored-entry.ts'
import { viewOf } from './view.ts'

/** Stored bytes of the states in the window; without a bound a thousand changes of a large object would fill the memory. */
const MAX_WINDOW_BYTES = 16 * 1024 * 1024

/** One change of one object. */
export interface CacheEvent {
  readonly revision: number
  readonly current: StoredEntry | undefined
  readonly previous: StoredEntry | undefined
}

/** What follows a cache; told in the order of revisions. */
export interface CacheFollower {
  onEvent(event: CacheEvent): void
  /** Everything up to `revision` was told. */
  onBookmark(revision: number): void
  /** The cache lost its place: whoever follows must list again. */
  onLost(): void
  /** Nothing more comes. */
  onEnd(): void
}

/** The newest state of one kind, indexed; the events that led to it; and who follows them. */
export class KindCache {
  readonly followers: Set<CacheFollower> = new Set()
  readonly #entries = new Map<string, StoredEntry>()
  readonly #keys = new SortedKeys()
  readonly #byNode = new Map<string, Set<string>>()
  readonly #indexesNodes: boolean
  readonly #windowSize: number
  #window: CacheEvent[] = []
  #windowBytes = 0
  /** The window holds every event after this revision. */
  #windowStart = 0

  /** Counts the changes that it saw: what was made from its entries is old once this differs. */
  changes = 0

  /**
   * Keeps what is under a prefix of the registry, of which nothing is there as of `revision`, and the last `windowSize` events at least, or
   * as many as are small enough; older ones are in the store's history.
   */
  constructor(prefix: string, windowSize: number, revision: number) {
    this.#windowSize = windowSize
    this.#windowStart = revision
    this.#indexesNodes = prefix === registryPrefix(Kinds.Pod)
  }

  /** Every entry, in no order. */
  values(): Iterable<StoredEntry> {
    return this.#entries.values()
  }

  get(key: string): StoredEntry | undefined {
    return this.#entries.get(key)
  }

  /** Every entry under a prefix, which ends in `/`, as it is stored and in order of keys. */
  under(prefix: string): readonly StoredEntry[] {
    return this.#keys.withPrefix(prefix).map(key => this.#entries.get(key)!)
  }

  /** Makes of an entry what its index needs, before `reset` takes it in with all others in one piece; false when that is nothing. */
  prepare(entry: StoredEntry): boolean {
    if (this.#indexesNodes) this.#nodeOf(entry)
    return this.#indexesNodes
  }

  /** Starts anew from a complete state as of `revision`. */
  reset(entries: readonly StoredEntry[], revision: number): void {
    this.changes += 1
    for (const key of [...this.#entries.keys()]) this.#remove(key)
    for (const entry of entries) this.#set(entry)
    this.#window = []
    this.#windowBytes = 0
    this.#windowStart = revision
  }

  /** Takes one change in and tells it. */
  apply(event: CacheEvent): void {
    const key = (event.current ?? event.previous)!.key
    this.changes += 1
    if (event.current === undefined) this.#remove(key)
    else this.#set(event.current)
    this.#window.push(event)
    this.#windowBytes += sizeOf(event)
    if (this.#window.length > this.#windowSize * 2) this.#forget(this.#windowSize)
    else if (this.#windowBytes > MAX_WINDOW_BYTES) this.#forget(Math.ceil(this.#window.length / 2))
    for (const follower of this.followers) follower.onEvent(event)
  }

  /** The events after `revision`; undefined when memory does not reach back that far. */
  eventsAfter(revision: number): readonly CacheEvent[] | undefined {
    if (revision < this.#windowStart) return undefined
    const start = this.#window.findIndex(event => event.revision > revision)
    return start === -1 ? [] : this.#window.slice(start)
  }

  /** What a selection finds, in order of keys, by the narrowest index. */
  select(selection: Selection): StoredEntry[] {
    const found: StoredEntry[] = []
    for (const key of this.#candidates(selection)) {
      const stored = this.#entries.get(key)
      if (stored === undefined) continue
      const entry = viewOf(selection.kind, stored)
      if (!selection.isNarrow || selection.matches(entry.object)) found.push(entry)
    }
    return found
  }

  /** Takes the oldest events out of the window. */
  #forget(count: number): void {
    for (const event of this.#window.splice(0, count)) {
      this.#windowStart = event.revision
      this.#windowBytes -= sizeOf(event)
    }
  }

  #candidates(selection: Selection): readonly string[] {
    const name = requiredValue(selection, 'metadata.name')
    const namespace = requiredValue(selection, 'metadata.namespace')
    if (name !== undefined) {
      const { kind } = selection
      if (!kind.namespaced) return [registryKey(kind, undefined, name)]
      if (selection.prefix !== registryKey(kind, '', '')) return [`${selection.prefix}${name}`]
      if (namespace) return [registryKey(kind, namespace, name)]
    }
    const node = this.#indexesNodes ? requiredValue(selection, 'spec.nodeName') : undefined
    if (node)
      return [...(this.#byNode.get(node) ?? [])].filter(key => key.startsWith(selection.prefix)).sort()
    return this.#keys.withPrefix(selection.prefix)
  }

  #set(entry: StoredEntry): void {
    const old = this.#entries.get(entry.key)
    if (old === undefined) this.#keys.add(entry.key)
    else this.#leaveNode(old)
    this.#entries.set(entry.key, entry)
    const node = this.#nodeOf(entry)
    if (node === '') return
    const keys = this.#byNode.get(node)
    if (keys === undefined) this.#byNode.set(node, new Set([entry.key]))
    else keys.add(entry.key)
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    this.#leaveNode(entry)
    this.#entries.delete(key)
    this.#keys.remove(key)
  }

  #leaveNode(entry: StoredEntry): void {
    const node = this.#nodeOf(entry)
    const keys = this.#byNode.get(node)
    keys?.delete(entry.key)
    if (keys?.size === 0) this.#byNode.delete(node)
  }

  #nodeOf(entry: StoredEntry): string {
    if (!this.#indexesNodes) return ''
    return (entry.object as Pod).spec?.nodeName ?? ''
  }
}

/** The state before it is that of the event before, mostly, and is counted there. */
function sizeOf({ current }: CacheEvent): number {
  return current?.size ?? 0
}
