/**
 * The contract of a store of keys and bytes with one growing revision, after etcd. It knows no Kubernetes.
 * `cluster/store` implements it; the records and the inventory are kept through it too.
 *
 * Keys are non-empty strings compared by their UTF-8 bytes; values are bytes that nobody changes after handing them over.
 */
export interface KeyValue {
  readonly key: string
  readonly value: Uint8Array
  /** The revision of the transaction that created the key (after its last deletion). */
  readonly createRevision: number
  /** The revision of the transaction that last wrote the key. */
  readonly modRevision: number
}

/** A key without its value. */
export type KeyHead = Omit<KeyValue, 'value'>

/** What must hold for a transaction to happen: the key's modRevision is exactly this; 0 means that the key is absent. */
export interface Compare {
  readonly key: string
  readonly modRevision: number
}

/** One write of a transaction. A transaction names a key at most once. Deleting an absent key is no event. */
export type Operation =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: string }

/** One change of one key as a watcher sees it. */
export interface KeyEvent {
  readonly type: 'put' | 'delete'
  readonly key: string
  /** The revision of the transaction that made the change. */
  readonly revision: number
  /** The new value; absent for a delete. */
  readonly current?: KeyValue
  /** What the key held before; absent when it did not exist, and where a watch wants none. */
  readonly previous?: KeyValue
}

export interface WatchEventsOptions {
  /** Whether events tell what keys held before, which costs a read each. Default true. */
  readonly previous?: boolean
}

/** All events of one revision under the watched prefix (possibly none: progress, everything up to it was seen). */
export interface KeyEvents {
  readonly revision: number
  readonly events: readonly KeyEvent[]
}

export interface RangeOptions {
  /** Only keys strictly after this one. */
  readonly after?: string
  /** At most so many items. */
  readonly limit?: number
  /** The state as of this revision; default the newest. An error of code `compacted` when it is gone. */
  readonly atRevision?: number
}

export interface RangeResult<Item = KeyValue> {
  /** Ascending by key. */
  readonly items: readonly Item[]
  /** The revision that this answer shows: `atRevision`, or the newest acknowledged one. */
  readonly revision: number
  /** True when `limit` cut the answer short. */
  readonly more: boolean
}

export type TxnResult =
  | { readonly ok: true; readonly revision: number }
  /** No write happened; `failed` are the compares that did not hold, with what the keys hold now. */
  | {
      readonly ok: false
      readonly revision: number
      readonly failed: readonly { readonly key: string; readonly current?: KeyValue }[]
    }

export interface KeyValueReader {
  get(key: string): Promise<KeyValue | undefined>
  range(prefix: string, options?: RangeOptions): Promise<RangeResult>
  /** Counts keys under a prefix at the newest revision without reading values. */
  count(prefix: string): Promise<number>
}

export interface KeyValueStore extends KeyValueReader {
  /** The newest acknowledged revision; 1 in an empty store, as in etcd. */
  readonly revision: number
  /** As `range`, without reading values. */
  heads(prefix: string, options?: RangeOptions): Promise<RangeResult<KeyHead>>
  /**
   * The value that the transaction of `modRevision` wrote to a key. At once, and so of a store in this process: for who knows keys by
   * their heads and looks at few. Throws an error of code `compacted` when it is gone.
   */
  read(key: string, modRevision: number): Uint8Array
  /**
   * All operations happen at one new revision, or none. Resolves only after the write is durable (fsync);
   * watchers are told after that, too. A transaction without operations writes nothing and keeps the revision.
   */
  txn(compares: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult>
  /**
   * Every event under `prefix` from revision `fromRevision` on (inclusive), in order, each exactly once, one batch a revision.
   * Ends when `signal` aborts; throws `compacted` when `fromRevision` is gone or the watcher fell too far behind.
   * A batch without events tells progress, at least once after the backlog has been read.
   */
  watch(
    prefix: string,
    fromRevision: number,
    signal: AbortSignal,
    options?: WatchEventsOptions,
  ): AsyncIterable<KeyEvents>
  /** Forgets history before `revision`; the newest state is kept whole. */
  compact(revision: number): Promise<void>
  close(): Promise<void>
}
