import {
  BowlineError,
  type Clock,
  type Ids,
  type KeyValue,
  type KeyValueStore,
  type Operation,
} from '../base/index.ts'
import { Kinds, type RecordObject, registryKey } from '../kube/index.ts'
import {
  CHAIN_START,
  closeRecord,
  openRecord,
  type RecordClosing,
  type RecordedChange,
  type RecordedContainer,
  type RecordOpening,
  recordName,
} from './record.ts'

/** The newest record of an app's chain. `hash` is that of the newest closed one. */
export interface ChainHead {
  readonly sequence: number
  readonly hash: string
  readonly open: boolean
}

const HEAD_PREFIX = '/bowline/chains/'

/**
 * The append-only record of what each commit did: one hash chain per app, kept in the home store under the key by which the
 * API serves Records (read-only). A record and its chain's head move in one durable transaction, the head by
 * compare-and-swap, so two writers can never extend one chain twice. At most one record of an app is open.
 */
export class Ledger {
  readonly #store: KeyValueStore
  readonly #clock: Clock
  readonly #ids: Ids

  constructor({
    store,
    clock,
    ids,
  }: { readonly store: KeyValueStore; readonly clock: Clock; readonly ids: Ids }) {
    this.#store = store
    this.#clock = clock
    this.#ids = ids
  }

  /** Resolves when the opened record is durable. Throws `conflict` when the app's last record is still open. */
  async open(
    opening: Omit<RecordOpening, 'sequence' | 'previousHash' | 'openedAt' | 'uid'>,
  ): Promise<RecordObject> {
    const stored = await this.#store.get(HEAD_PREFIX + opening.app)
    const head = decodeHead(stored)
    if (head?.open)
      throw new BowlineError(
        'conflict',
        `Cannot open a record of ${opening.app}: ${recordName(opening.app, head.sequence)} is open`,
      )
    const record = openRecord({
      ...opening,
      sequence: (head?.sequence ?? 0) + 1,
      previousHash: head?.hash ?? CHAIN_START,
      openedAt: this.#now(),
      uid: this.#ids.uid(),
    })
    await this.#write(record, stored, {
      sequence: record.spec.sequence,
      hash: record.spec.previousHash,
      open: true,
    })
    return record
  }

  /** Makes durable how far an open record has come, so that a crash can be told truthfully. */
  async note(
    record: RecordObject,
    progress: {
      readonly changes: readonly RecordedChange[]
      readonly containers: readonly RecordedContainer[]
    },
  ): Promise<RecordObject> {
    const status = {
      state: 'Open' as const,
      changes: [...progress.changes],
      containers: [...progress.containers],
    }
    const noted: RecordObject = { ...record, status }
    await this.#store.txn([], [putRecord(noted)])
    return noted
  }

  /** Seals the record and moves the chain's head. Closing a record twice is a `conflict`. */
  async close(record: RecordObject, closing: Omit<RecordClosing, 'closedAt'>): Promise<RecordObject> {
    const { app, sequence } = record.spec
    const stored = await this.#store.get(HEAD_PREFIX + app)
    const head = decodeHead(stored)
    if (head === undefined || !head.open || head.sequence !== sequence)
      throw new BowlineError(
        'conflict',
        `Cannot close record ${recordName(app, sequence)}: it is not the open record of its app`,
      )
    const closed = closeRecord(record, { ...closing, closedAt: this.#now() })
    await this.#write(closed, stored, { sequence, hash: closed.status?.hash ?? '', open: false })
    return closed
  }

  /** Records that a crash left open, for the next start to close. */
  async findOpen(): Promise<readonly RecordObject[]> {
    const { items } = await this.#store.range(HEAD_PREFIX)
    const open: RecordObject[] = []
    for (const item of items) {
      const head = decodeHead(item)
      if (!head?.open) continue
      const record = await this.get(item.key.slice(HEAD_PREFIX.length), head.sequence)
      if (record !== undefined) open.push(record)
    }
    return open
  }

  async head(app: string): Promise<ChainHead | undefined> {
    return decodeHead(await this.#store.get(HEAD_PREFIX + app))
  }

  async get(app: string, sequence: number): Promise<RecordObject | undefined> {
    const stored = await this.#store.get(recordKey(app, sequence))
    return stored === undefined
      ? undefined
      : (JSON.parse(Buffer.from(stored.value).toString()) as RecordObject)
  }

  /** The app's newest record, open or closed. */
  async last(app: string): Promise<RecordObject | undefined> {
    const head = await this.head(app)
    return head === undefined ? undefined : this.get(app, head.sequence)
  }

  async #write(record: RecordObject, stored: KeyValue | undefined, head: ChainHead): Promise<void> {
    const key = HEAD_PREFIX + record.spec.app
    const result = await this.#store.txn(
      [{ key, modRevision: stored?.modRevision ?? 0 }],
      [putRecord(record), { type: 'put', key, value: Buffer.from(JSON.stringify(head)) }],
    )
    if (!result.ok)
      throw new BowlineError(
        'conflict',
        `Cannot write record ${record.metadata.name}: the chain moved meanwhile`,
      )
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString()
  }
}

function recordKey(app: string, sequence: number): string {
  return registryKey(Kinds.Record, undefined, recordName(app, sequence))
}

function putRecord(record: RecordObject): Operation {
  return {
    type: 'put',
    key: recordKey(record.spec.app, record.spec.sequence),
    value: Buffer.from(JSON.stringify(record)),
  }
}

function decodeHead(stored: KeyValue | undefined): ChainHead | undefined {
  return stored === undefined ? undefined : (JSON.parse(Buffer.from(stored.value).toString()) as ChainHead)
}
