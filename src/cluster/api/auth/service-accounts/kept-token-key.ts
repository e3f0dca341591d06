import type { KeyValueStore } from '../../../../base/index.ts'
import { createKeyPair, loadTokenKey, type TokenKey } from '../../../../pki/index.ts'

/** Where the key is kept; the API serves nothing under it. */
const KEY = '/bowline/token-key'

/** The key that signs the tokens of ServiceAccounts: made at the first start, the same ever after. */
export async function ensureTokenKey(store: KeyValueStore): Promise<TokenKey> {
  const kept = await store.get(KEY)
  if (kept !== undefined) return loadTokenKey(Buffer.from(kept.value).toString())
  const { privateKey } = await createKeyPair()
  const value = Buffer.from(privateKey)
  const { ok } = await store.txn([{ key: KEY, modRevision: 0 }], [{ type: 'put', key: KEY, value }])
  // Of two first starts one wins, and both use its key.
  return ok ? loadTokenKey(privateKey) : ensureTokenKey(store)
}
