/**
 * Keys and bytes with one growing revision, after etcd: compare-and-swap transactions, ranges at a revision, watches with
 * previous values, compaction. The contract is `KeyValueStore` of `base`; this layer knows no Kubernetes.
 *
 *     const store = await openLmdbStore({ path: join(dataDir, 'store'), clock: systemClock, log })
 *     const made = await store.txn([{ key: '/a', modRevision: 0 }], [{ type: 'put', key: '/a', value }])
 *
 * A write is acknowledged, and its watchers told, only after it is durable.
 */
export { type LmdbStoreOptions, openLmdbStore } from './lmdb-store.ts'
export type { Retention } from './retention.ts'
