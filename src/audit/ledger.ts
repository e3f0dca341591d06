import { BowlineError, type Clock, type Compare, type Ids, type KeyValueStore } from '../base/index.ts'
import { Kinds, type RecordObject, registryKey } from '../kube/index.ts'
import { type ChainHead, encodeHead, headKey, readHead, readHeads, type StoredHead } from './chain-head.ts'
import {
  CHAIN_START,
  closeRecord,
  noteProgress,
  openRecord,
  type RecordClosing,
  type RecordOpening,
  type RecordProgress,
  recordName,
} from './record.ts'

/**
 * The append-only record of what each commit did: one hash chain per app, kept in the home store under the key by which the
 * API serves Records (read-only). A record and its chain's head move in one durable transaction, the head by
 * compare-and-swap, so two writers can never extend one chain twice. At most one record of an app is open; a closed one is
 * never written again.
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
    const { app } = opening
    const stored = await readHead(this.#store, app)
    const { head } = stored
    if (head?.open)
      throw new BowlineError(
        'conflict',
        `Cannot open a record of ${app}: ${recordName(app, head.sequence)} is open`,
      )
    const record = openRecord({
      ...opening,
      sequence: (head?.sequence ?? 0) + 1,
      previousHash: head?.hash ?? CHAIN_START,
      openedAt: this.#now(),
      uid: this.#ids.uid(),
    })
    const { sequence, previousHash: hash } = record.spec
    const isNew: Compare = { key: recordKey(app, sequence), modRevision: 0 }
    await this.#write(record, stored, { app, sequence, hash, open: true }, [isNew])
    return record
  }

  /** Makes durable how far an open record has come, so that a crash can be told truthfully. `conflict` once it is closed. */
  async note(record: RecordObject, progress: RecordProgress): Promise<RecordObject> {
    const stored = await this.#openHead(record)
    const noted = noteProgress(record, progress)
    await this.#write(noted, stored, undefined)
    return noted
  }

  /** Seals the record and moves the chain's head. Closing a record twice is a `conflict`. */
  async close(record: RecordObject, closing: Omit<RecordClosing, 'closedAt'>): Promise<RecordObject> {
    const stored = await this.#openHead(record)
    const closed = await closeRecord(record, { ...closing, closedAt: this.#now() })
    const { app, sequence } = record.spec
    await this.#write(closed, stored, { app, sequence, hash: closed.status?.hash ?? '', open: false })
    return closed
  }

  /** Records that a crash left open, for the next start to close. */
  async findOpen(): Promise<readonly RecordObject[]> {
    const open: RecordObject[] = []
    for (const head of await this.heads()) {
      const record = head.open ? await this.get(head.app, head.sequence) : undefined
      if (record !== undefined) open.push(record)
    }
    return open
  }

  /** Where every chain ends, sorted by app. */
  heads(): Promise<readonly ChainHead[]> {
    return readHeads(this.#store)
  }

  async get(app: string, sequence: number): Promise<RecordObject | undefined> {
    const stored = await this.#store.get(recordKey(app, sequence))
    return stored === undefined
      ? undefined
      : (JSON.parse(Buffer.from(stored.value).toString()) as RecordObject)
  }

  /** The app's newest record, open or closed. */
  async last(app: string): Promise<RecordObject | undefined> {
    const { head } = await readHead(this.#store, app)
    return head === undefined ? undefined : this.get(app, head.sequence)
  }

  async #openHead({ spec: { app, sequence } }: RecordObject): Promise<StoredHead> {
    const stored = await readHead(this.#store, app)
    if (stored.head?.open !== true || stored.head.sequence !== sequence)
      throw new BowlineError(
        'conflict',
        `Cannot write record ${recordName(app, sequence)}: it is not the open record of its app`,
      )
    return stored
  }

  /** Writes a record, and moves the head when there is a new one; only if the chain stands where `stored` says. */
  async #write(
    record: RecordObject,
    { modRevision }: StoredHead,
    head: ChainHead | undefined,
    more: readonly Compare[] = [],
  ): Promise<void> {
    const { app, sequence } = record.spec
    const key = headKey(app)
    const result = await this.#store.txn(
      [{ key, modRevision }, ...more],
      [
        { type: 'put', key: recordKey(app, sequence), value: Buffer.from(JSON.stringify(record)) },
        ...(head === undefined ? [] : [{ type: 'put' as const, key, value: encodeHead(head) }]),
      ],
    )
    if (!result.ok)
      throw new BowlineError(
        'conflict',
        `Cannot write record ${recordName(app, sequence)}: the chain moved meanwhile`,
      )
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString()
  }
}

function recordKey(app: string, sequence: number): string {
  return registryKey(Kinds.Record, undefined, recordName(app, sequence))
}
