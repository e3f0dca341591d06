import type { KeyValueStore } from '../../../../src/base/index.ts'

/** A store that does what another does, but for some of its methods. */
export function delegateStore(
  store: KeyValueStore,
  changes: Partial<Omit<KeyValueStore, 'revision'>>,
): KeyValueStore {
  return {
    get revision() {
      return store.revision
    },
    get: key => store.get(key),
    range: (prefix, options) => store.range(prefix, options),
    heads: (prefix, options) => store.heads(prefix, options),
    read: (key, modRevision) => store.read(key, modRevision),
    count: prefix => store.count(prefix),
    txn: (compares, operations) => store.txn(compares, operations),
    watch: (...call) => store.watch(...call),
    compact: revision => store.compact(revision),
    close: () => store.close(),
    ...changes,
  }
}
