import type { Clock, KeyValueStore } from '../../../base/index.ts'
import { type Authority, createAuthority, loadAuthority } from '../../../pki/index.ts'

/** Where the authority's key is kept; the API serves nothing under it. */
const KEY = '/bowline/authority'

/** The cluster's certificate authority: made at the first start, the same ever after. Of two first starts one wins and both use it. */
export async function ensureAuthority(store: KeyValueStore, clock: Clock): Promise<Authority> {
  const kept = await store.get(KEY)
  if (kept !== undefined) return decode(kept.value)
  const made = await createAuthority(clock)
  const { certificate, privateKey } = made
  const value = Buffer.from(JSON.stringify({ certificate, privateKey }))
  const result = await store.txn([{ key: KEY, modRevision: 0 }], [{ type: 'put', key: KEY, value }])
  return result.ok ? made : ensureAuthority(store, clock)
}

function decode(value: Uint8Array): Promise<Authority> {
  return loadAuthority(JSON.parse(Buffer.from(value).toString()))
}
