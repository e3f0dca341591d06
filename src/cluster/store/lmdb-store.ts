import {
  BowlineError,
  type Clock,
  type Compare,
  type KeyEvent,
  type KeyEvents,
  type KeyHead,
  type KeyValue,
  type KeyValueStore,
  type Logger,
  messageOf,
  type Operation,
  type RangeOptions,
  type RangeResult,
  type TxnResult,
  type WatchEventsOptions,
} from '../../base/index.ts'
import { Compaction } from './compaction.ts'
import { KeyIndex, type Version, versionAt } from './key-index.ts'
import { PendingTxn, type PendingWrite } from './pending-txn.ts'
import { DEFAULT_RETENTION, type Retention, RetentionLedger } from './retention.ts'
import type { RowWrite } from './row.ts'
import { RowFile, type RowGroup, trimRow } from './row-file.ts'
import { RowReader } from './row-reader.ts'
import { Watcher } from './watcher.ts'

export interface LmdbStoreOptions {
  /** The store's own folder; made if missing, and closed to other users (0700). */
  readonly path: string
  readonly clock: Clock
  readonly log: Logger
  readonly retention?: Retention
  /** Batches that a watch may be behind before it gets `compacted`. Default 8,192. */
  readonly watchCapacity?: number
  /** Wraps the step that makes a group of writes durable; the conformance suite delays it or lets it fail. */
  readonly sync?: (commit: () => Promise<void>) => Promise<void>
}

/**
 * Opens the store in a folder. Errors: `conflict` when another process has it open, `corrupt` for a damaged file,
 * `unavailable` when the folder cannot be used.
 */
export async function openLmdbStore(options: LmdbStoreOptions): Promise<KeyValueStore> {
  const file = await RowFile.open(options.path)
  try {
    return new LmdbStore(file, options)
  } catch (error) {
    await file.close()
    throw error
  }
}

/** Writes that wait for the disk beyond this are refused: the disk does not keep up, and memory is finite. */
const MAX_PENDING_BYTES = 64 * 1024 * 1024
/** Rows of history that a watch reads in one go. */
const HISTORY_CHUNK = 256
const DEFAULT_WATCH_CAPACITY = 8192

/**
 * etcd's design on LMDB. The file holds one row per transaction, by revision; the index of keys and their versions is in
 * memory. A transaction is judged at once against the newest state, durable or not, and gets its revision; one loop makes
 * whatever has gathered durable as one group, and only then is it visible, acknowledged and told to watchers.
 */
class LmdbStore implements KeyValueStore {
  readonly #file: RowFile
  readonly #clock: Clock
  readonly #log: Logger
  readonly #sync: (commit: () => Promise<void>) => Promise<void>
  readonly #index = new KeyIndex()
  readonly #compaction: Compaction
  readonly #ledger: RetentionLedger
  readonly #keepMs: number
  readonly #watchers = new Set<Watcher>()
  readonly #watchCapacity: number
  /** Durable and visible. */
  #revision: number
  /** Given out; above `#revision` while writes wait for the disk. */
  #assigned: number
  /** Rows above `#revision` up to here may be on disk from a group whose commit failed. */
  #leftOver = 0
  #pending: PendingTxn[] = []
  #pendingBytes = 0
  /** The newest transaction that has a revision. */
  #tail: PendingTxn | undefined
  #compactors: ((error?: unknown) => void)[] = []
  /** A failed disk is tried again by the next write, not in a loop. */
  #sweepPaused = false
  #writing: Promise<void> | undefined
  #cancelTimer: (() => void) | undefined
  #closed = false

  constructor(file: RowFile, options: LmdbStoreOptions) {
    const { clock, log, retention = DEFAULT_RETENTION } = options
    this.#file = file
    this.#clock = clock
    this.#log = log
    this.#sync = options.sync ?? (commit => commit())
    this.#watchCapacity = options.watchCapacity ?? DEFAULT_WATCH_CAPACITY
    this.#keepMs = retention.keepMs
    const { compactRevision } = file.readMeta()
    this.#compaction = new Compaction(this.#index, compactRevision)
    this.#revision = Math.max(1, compactRevision)
    let historyBytes = 0
    for (const { revision, writes, size } of file.scan()) {
      for (const write of writes) this.#compaction.record(write, revision)
      this.#revision = Math.max(this.#revision, revision)
      if (revision > compactRevision) historyBytes += size
    }
    this.#assigned = this.#revision
    this.#ledger = new RetentionLedger(retention, clock.now(), compactRevision, this.#revision, historyBytes)
    // A sweep that was cut short by the end of the process goes on.
    this.#compaction.forget(compactRevision)
    this.#keepHouse()
  }

  get revision(): number {
    return this.#revision
  }

  async get(key: string): Promise<KeyValue | undefined> {
    this.#assertOpen()
    return this.#valueOf(key, versionAt(this.#index.get(key), this.#revision))
  }

  async range(prefix: string, options: RangeOptions = {}): Promise<RangeResult> {
    const rows = new RowReader(this.#file)
    const { items: found, ...rest } = this.#walk(prefix, options, (key, version) => ({ key, version }))
    const items: KeyValue[] = new Array(found.length)
    // In the order of rows: one that holds many of the keys is read once.
    const order = [...found.keys()].sort((a, b) => found[a]!.version.revision - found[b]!.version.revision)
    for (const index of order) {
      const { key, version } = found[index]!
      items[index] = this.#valueOf(key, version, rows)!
    }
    return { items, ...rest }
  }

  async heads(prefix: string, options: RangeOptions = {}): Promise<RangeResult<KeyHead>> {
    return this.#walk(prefix, options, (key, { createRevision, revision: modRevision }) => ({
      key,
      createRevision,
      modRevision,
    }))
  }

  read(key: string, modRevision: number): Uint8Array {
    this.#assertOpen()
    const write = new RowReader(this.#file).find(modRevision, key)
    if (write === undefined || write.createRevision === 0)
      throw new BowlineError('compacted', `Cannot read "${key}" as of revision ${modRevision}: it is gone`)
    return write.value
  }

  /** What there is of the keys under a prefix, as a range tells it. */
  #walk<Item>(
    prefix: string,
    options: RangeOptions,
    itemOf: (key: string, version: Version) => Item,
  ): RangeResult<Item> {
    this.#assertOpen()
    const revision = options.atRevision ?? this.#revision
    if (revision < this.#compaction.revision) throw compacted(revision, this.#compaction.revision)
    if (revision > this.#revision)
      throw new BowlineError(
        'bad-input',
        `Cannot read at revision ${revision}: the newest is ${this.#revision}`,
      )
    const items: Item[] = []
    for (const entry of this.#index.walk(prefix, options.after)) {
      const version = versionAt(entry, revision)
      if (version === undefined) continue
      if (options.limit !== undefined && items.length >= options.limit) return { items, revision, more: true }
      items.push(itemOf(entry.key, version))
    }
    return { items, revision, more: false }
  }

  async count(prefix: string): Promise<number> {
    this.#assertOpen()
    let count = 0
    for (const entry of this.#index.walk(prefix))
      if (versionAt(entry, this.#revision) !== undefined) count += 1
    return count
  }

  async txn(compares: readonly Compare[], operations: readonly Operation[]): Promise<TxnResult> {
    this.#assertOpen()
    checkKeys(operations)
    const failed = compares.filter(
      ({ key, modRevision }) => (this.#newest(key)?.revision ?? 0) !== modRevision,
    )
    const writes = failed.length > 0 ? [] : this.#effective(operations, this.#assigned + 1)
    if (writes.length === 0) {
      // What was seen may not be durable yet: an answer that depends on it waits until it is.
      await this.#tail?.settled
      if (failed.length === 0) return { ok: true, revision: this.#revision }
      const holds = await Promise.all(
        failed.map(async ({ key }) => {
          const current = await this.get(key)
          return current === undefined ? { key } : { key, current }
        }),
      )
      return { ok: false, revision: this.#revision, failed: holds }
    }
    const pending = new PendingTxn(this.#assigned + 1, writes)
    if (this.#pendingBytes + pending.row.length > MAX_PENDING_BYTES && this.#pending.length > 0)
      throw new BowlineError('unavailable', 'Cannot write to the store: the disk does not keep up', {
        retryable: true,
      })
    this.#assigned = pending.revision
    this.#tail = pending
    for (const write of writes) this.#compaction.record(write, pending.revision)
    this.#pending.push(pending)
    this.#pendingBytes += pending.row.length
    this.#write()
    await pending.settled
    return { ok: true, revision: pending.revision }
  }

  async *watch(
    prefix: string,
    fromRevision: number,
    signal: AbortSignal,
    { previous = true }: WatchEventsOptions = {},
  ): AsyncGenerator<KeyEvents> {
    let next = fromRevision
    for (;;) {
      if (signal.aborted) return
      this.#assertOpen()
      if (next <= this.#compaction.revision) throw compacted(next, this.#compaction.revision)
      if (next > this.#revision) break
      const end = Math.min(next + HISTORY_CHUNK, this.#revision + 1)
      const batches = this.#history(prefix, next, end, previous)
      next = end
      for (const batch of batches) {
        yield batch
        if (signal.aborted) return
      }
    }
    // Nothing was awaited since the check above: no revision falls between history and what comes.
    const watcher = new Watcher(prefix, next, previous, this.#watchCapacity)
    this.#watchers.add(watcher)
    try {
      if (next === this.#revision + 1) yield { revision: this.#revision, events: [] }
      yield* watcher.read(signal)
    } finally {
      this.#watchers.delete(watcher)
    }
  }

  async compact(revision: number): Promise<void> {
    this.#assertOpen()
    if (revision > this.#revision)
      throw new BowlineError(
        'bad-input',
        `Cannot compact to revision ${revision}: the newest is ${this.#revision}`,
      )
    this.#compaction.forget(revision)
    this.#ledger.compacted(revision)
    if (this.#compaction.durable >= revision && !this.#compaction.sweeping) return
    await new Promise<void>((resolve, reject) => {
      this.#compactors.push(error => (error === undefined ? resolve() : reject(error)))
      this.#sweepPaused = false
      this.#write()
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#cancelTimer?.()
    while (this.#writing !== undefined) await this.#writing
    for (const settle of this.#compactors.splice(0)) settle(closedError())
    for (const watcher of this.#watchers) watcher.end()
    await this.#file.close()
  }

  /** The newest state of a key, durable or not; undefined when it is absent. */
  #newest(key: string): Version | undefined {
    return versionAt(this.#index.get(key), Number.MAX_SAFE_INTEGER)
  }

  /** What operations will write at `revision`; deleting what is not there is nothing. */
  #effective(operations: readonly Operation[], revision: number): PendingWrite[] {
    const writes: PendingWrite[] = []
    for (const operation of operations) {
      const { key } = operation
      const previous = this.#newest(key)
      if (operation.type === 'put')
        writes.push({
          key,
          createRevision: previous?.createRevision ?? revision,
          value: operation.value,
          previous,
        })
      else if (previous !== undefined) writes.push({ key, createRevision: 0, value: NO_BYTES, previous })
    }
    return writes
  }

  #valueOf(
    key: string,
    version: Version | undefined,
    rows: RowReader = new RowReader(this.#file),
  ): KeyValue | undefined {
    if (version === undefined) return undefined
    const write = rows.find(version.revision, key)
    if (write === undefined)
      throw new BowlineError(
        'corrupt',
        `Cannot read "${key}" at revision ${version.revision}: its row is missing`,
      )
    return { key, value: write.value, createRevision: version.createRevision, modRevision: version.revision }
  }

  /** Starts the loop that makes waiting work durable, unless it runs. */
  #write(): void {
    if (this.#writing !== undefined || !this.#hasWork()) return
    this.#writing = this.#writeAll().finally(() => {
      this.#writing = undefined
      // Work may have come between the last look and now.
      this.#write()
    })
  }

  #hasWork(): boolean {
    if (this.#pending.length > 0) return true
    return !this.#closed && !this.#sweepPaused && (this.#compactors.length > 0 || this.#compaction.sweeping)
  }

  async #writeAll(): Promise<void> {
    // Lets everything that is asked for in this turn join the first group.
    await undefined
    while (this.#hasWork()) {
      const group = this.#pending
      const chunk = this.#compaction.nextChunk()
      const compactRevision = this.#compaction.revision
      this.#pending = []
      try {
        const rows = this.#rowGroup(group, chunk.revisions, compactRevision)
        await this.#sync(() => this.#file.write(rows))
      } catch (error) {
        this.#fail(group, error)
        continue
      }
      this.#sweepPaused = false
      this.#compaction.durable = compactRevision
      this.#compaction.swept(chunk.items)
      this.#acknowledge(group)
      if (!this.#compaction.sweeping && this.#compaction.revision === compactRevision)
        for (const settle of this.#compactors.splice(0)) settle()
      this.#keepHouse()
    }
  }

  /** Forgets what the retention no longer keeps; looks again later while there is history. */
  #keepHouse(): void {
    if (this.#closed) return
    const due = this.#ledger.due(this.#clock.now())
    if (due !== undefined) {
      this.#compaction.forget(due)
      this.#ledger.compacted(due)
    }
    this.#write()
    if (this.#cancelTimer !== undefined || !this.#compaction.hasHistory) return
    this.#cancelTimer = this.#clock.after(this.#keepMs / 2, () => {
      this.#cancelTimer = undefined
      this.#sweepPaused = false
      this.#keepHouse()
    })
  }

  /** Everything that reaches the disk with `group`. */
  #rowGroup(group: readonly PendingTxn[], trimmed: ReadonlySet<number>, compactRevision: number): RowGroup {
    const puts: { revision: number; row: Buffer }[] = []
    const removals: number[] = []
    for (const revision of trimmed) {
      const isLive = ({ key }: RowWrite): boolean =>
        this.#index.get(key)?.versions.some(version => version.revision === revision) === true
      const row = trimRow(this.#file.read(revision), isLive)
      if (row === undefined) removals.push(revision)
      else puts.push({ revision, row })
    }
    for (const { revision, row } of group) puts.push({ revision, row })
    const last = group.at(-1)?.revision ?? this.#revision
    for (let revision = last + 1; revision <= this.#leftOver; revision += 1) removals.push(revision)
    const known = compactRevision === this.#compaction.durable
    return { puts, removals, compactRevision: known ? undefined : compactRevision }
  }

  #acknowledge(group: readonly PendingTxn[]): void {
    this.#leftOver = 0
    const last = group.at(-1)
    if (last === undefined) return
    this.#revision = last.revision
    if (this.#tail === last) this.#tail = undefined
    let bytes = 0
    for (const pending of group) {
      bytes += pending.row.length
      this.#tellSafely(pending)
    }
    this.#pendingBytes -= bytes
    for (const watcher of this.#watchers) watcher.advance(this.#revision)
    for (const pending of group) pending.settle()
    this.#ledger.note(this.#clock.now(), this.#revision, bytes)
  }

  /** The write is durable whatever happens to its watchers: one that cannot be told learns that it lost its place. */
  #tellSafely(pending: PendingTxn): void {
    try {
      this.#tell(pending)
    } catch (error) {
      this.#log.error('Cannot tell the watchers of the store', { error: messageOf(error) })
      for (const watcher of this.#watchers) watcher.fail(error)
    }
  }

  /** Hands the events of one transaction to the watchers that want them; each event is made once for those who want the same of it. */
  #tell(pending: PendingTxn): void {
    if (this.#watchers.size === 0) return
    const complete: (KeyEvent | undefined)[] = []
    const bare: (KeyEvent | undefined)[] = []
    const rows = new RowReader(this.#file)
    for (const watcher of this.#watchers) {
      const made = watcher.wantsPrevious ? complete : bare
      const events: KeyEvent[] = []
      for (const [index, write] of pending.writes.entries()) {
        if (!write.key.startsWith(watcher.prefix)) continue
        const before = watcher.wantsPrevious ? write.previous : undefined
        made[index] ??= this.#eventOf(write, pending.revision, before, rows)
        events.push(made[index])
      }
      if (events.length > 0) watcher.push({ revision: pending.revision, events })
    }
  }

  #eventOf(write: RowWrite, revision: number, before: Version | undefined, rows: RowReader): KeyEvent {
    const { key, createRevision, value } = write
    const previous = this.#valueOf(key, before, rows)
    return {
      type: createRevision === 0 ? 'delete' : 'put',
      key,
      revision,
      ...(createRevision === 0 ? {} : { current: { key, value, createRevision, modRevision: revision } }),
      ...(previous === undefined ? {} : { previous }),
    }
  }

  /** The batches under a prefix from revision `from` up to, not including, `end`. */
  #history(prefix: string, from: number, end: number, wantsPrevious: boolean): KeyEvents[] {
    const batches: KeyEvents[] = []
    const rows = new RowReader(this.#file)
    for (let revision = from; revision < end; revision += 1) {
      const events = this.#file
        .read(revision)
        .filter(write => write.key.startsWith(prefix))
        .map(write => {
          const before = wantsPrevious ? versionAt(this.#index.get(write.key), revision - 1) : undefined
          return this.#eventOf(write, revision, before, rows)
        })
      if (events.length > 0) batches.push({ revision, events })
    }
    return batches
  }

  /** A group did not become durable: it and everything judged after it never happened. */
  #fail(group: readonly PendingTxn[], error: unknown): void {
    this.#log.error('Cannot write to the store', { error: messageOf(error), writes: group.length })
    const lost = [...group, ...this.#pending]
    this.#pending = []
    this.#pendingBytes = 0
    this.#leftOver = Math.max(this.#leftOver, this.#assigned)
    this.#assigned = this.#revision
    this.#tail = undefined
    this.#sweepPaused = true
    this.#compaction.undo(this.#revision)
    for (const { revision, writes } of lost) for (const { key } of writes) this.#index.drop(key, revision)
    const refusal =
      error instanceof BowlineError
        ? error
        : new BowlineError('unavailable', `Cannot write to the store: ${messageOf(error)}`, {
            cause: error,
            retryable: true,
          })
    for (const pending of lost) pending.settle(refusal)
    for (const settle of this.#compactors.splice(0)) settle(refusal)
  }

  #assertOpen(): void {
    if (this.#closed) throw closedError()
  }
}

const NO_BYTES = new Uint8Array(0)

/** Refuses what is a mistake of the caller: no key, text that UTF-8 cannot hold, a key named twice. */
function checkKeys(operations: readonly Operation[]): void {
  const keys = new Set<string>()
  for (const { key } of operations) {
    if (key === '' || LONE_SURROGATE.test(key))
      throw new TypeError('A key must be non-empty, well-formed text')
    if (keys.has(key)) throw new TypeError(`A transaction must name a key once: "${key}"`)
    keys.add(key)
  }
}

const LONE_SURROGATE = /\p{Surrogate}/u

function compacted(wanted: number, compactRevision: number): BowlineError {
  return new BowlineError(
    'compacted',
    `Cannot read history at revision ${wanted}: it is compacted up to ${compactRevision}`,
    {
      data: { compactRevision },
    },
  )
}

function closedError(): BowlineError {
  return new BowlineError('unavailable', 'Cannot use the store: it is closed')
}
