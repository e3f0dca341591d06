import type { KeyValue, KeyValueReader } from '../base/index.ts'

/** Where an app's chain ends: its newest record, as the one who writes records knows it. */
export interface ChainHead {
  readonly app: string
  /** Of the newest record. */
  readonly sequence: number
  /** Of the newest closed record. */
  readonly hash: string
  /** The newest record is open. */
  readonly open: boolean
}

/** Heads stand beside the records, where the API does not serve them as objects. */
const HEAD_PREFIX = '/bowline/chains/'

/** A head and the revision at which it was read, for the compare-and-swap of the next one. */
export interface StoredHead {
  readonly head: ChainHead | undefined
  /** 0: there is none yet. */
  readonly modRevision: number
}

export function headKey(app: string): string {
  return HEAD_PREFIX + app
}

export async function readHead(store: KeyValueReader, app: string): Promise<StoredHead> {
  const stored = await store.get(headKey(app))
  return stored === undefined
    ? { head: undefined, modRevision: 0 }
    : { head: decodeHead(stored), modRevision: stored.modRevision }
}

export async function readHeads(store: KeyValueReader): Promise<readonly ChainHead[]> {
  const { items } = await store.range(HEAD_PREFIX)
  return items.map(decodeHead)
}

export function encodeHead({ sequence, hash, open }: ChainHead): Uint8Array {
  return Buffer.from(JSON.stringify({ sequence, hash, open }))
}

function decodeHead({ key, value }: KeyValue): ChainHead {
  const stored = JSON.parse(Buffer.from(value).toString()) as Omit<ChainHead, 'app'>
  return { app: key.slice(HEAD_PREFIX.length), ...stored }
}
