import { breathe, type KeyValueStore, type LayeredMap, type Operation } from '../base/index.ts'
import type { SourcePosition } from '../diff/index.ts'
import { type ObjectRef, refKey } from '../kube/index.ts'

/** One object that Git owns: who declares it, where, and which commit changed it last. */
export interface InventoryEntry {
  readonly app: string
  readonly ref: ObjectRef
  readonly source: SourcePosition
  /** The commit that last changed the object through this app. */
  readonly commit: string
  /** Names the declaration and the live object that were found equal last; see `lane/verified.ts`. */
  readonly verified?: string
}

const PREFIX = '/bowline/inventory/'

/** Entries in one transaction; bounds the size of a commit of the store, and how long it takes. */
const BATCH = 200

/** Entries that are read in one go, in some milliseconds: each row of a store holds many, in another order. */
const PAGE = 1_000

const NONE: ReadonlyMap<string, InventoryEntry> = new Map()

/** What an app was found to own without declaring it. */
interface Undeclared {
  readonly declared: LayeredMap<string, unknown>
  readonly refs: ReadonlyMap<string, ObjectRef>
  /** Keys that the app has come to own, or owns no longer, since. */
  readonly touched: Set<string>
}

/**
 * What Git owns now, per app; the only permission to delete that there is. An object has one owner: whoever puts it takes it over, and
 * `Ownership` says who may. Kept in the home store, one key an object, so that a write costs what changed; held in memory for lookups. Never written onto
 * the objects themselves.
 */
export class Inventory {
  readonly #store: KeyValueStore
  readonly #apps = new Map<string, Map<string, InventoryEntry>>()
  readonly #owners = new Map<string, InventoryEntry>()
  /** The last answer to each app, to be brought up to date. */
  readonly #undeclared = new Map<string, Undeclared>()
  readonly #listeners: ((key: string) => void)[] = []

  private constructor(store: KeyValueStore) {
    this.#store = store
  }

  /** Nobody else may write to it meanwhile. */
  static async load(store: KeyValueStore): Promise<Inventory> {
    const inventory = new Inventory(store)
    for (let after: string | undefined; ; ) {
      const page = { limit: PAGE, ...(after === undefined ? {} : { after }) }
      const { items, more } = await store.range(PREFIX, page)
      for (const { value } of items)
        inventory.#remember(JSON.parse(Buffer.from(value).toString()) as InventoryEntry)
      if (!more) return inventory
      after = items.at(-1)?.key
      await breathe()
    }
  }

  /** One reference for each kind of which Git owns an object. */
  kinds(): readonly ObjectRef[] {
    const kinds = new Map<string, ObjectRef>()
    for (const { ref } of this.#owners.values()) kinds.set(`${ref.apiVersion}/${ref.kind}`, ref)
    return [...kinds.values()]
  }

  /** What an app owns, by `refKey`. */
  entriesOf(app: string): ReadonlyMap<string, InventoryEntry> {
    return this.#apps.get(app) ?? NONE
  }

  /** Who owns an object, if Git does. */
  ownerOf(ref: ObjectRef): InventoryEntry | undefined {
    return this.ownerOfKey(refKey(ref))
  }

  /** The same by `refKey`. */
  ownerOfKey(key: string): InventoryEntry | undefined {
    return this.#owners.get(key)
  }

  /** Everything that Git owns, looked at one by one. */
  entries(): Iterable<InventoryEntry> {
    return this.#owners.values()
  }

  /** Calls back, with its `refKey`, after every change of what is said of an object. */
  onChange(listener: (key: string) => void): void {
    this.#listeners.push(listener)
  }

  /**
   * What an app owns and does not declare, by `refKey`. Where `declared` is a version of what was asked about before, this costs what has
   * changed since.
   */
  undeclared(app: string, declared: LayeredMap<string, unknown>): ReadonlyMap<string, ObjectRef> {
    const owned = this.entriesOf(app)
    if (owned.size === 0) return new Map()
    const last = this.#undeclared.get(app)
    if (last?.declared === declared && last.touched.size === 0) return last.refs
    const changed = last && declared.changedFrom(last.declared)
    const refs = new Map(changed === undefined ? [] : last?.refs)
    for (const key of changed === undefined ? owned.keys() : [...changed, ...(last?.touched ?? [])]) {
      const entry = owned.get(key)
      if (entry === undefined || declared.has(key)) refs.delete(key)
      else refs.set(key, entry.ref)
    }
    this.#undeclared.set(app, { declared, refs, touched: new Set() })
    return refs
  }

  /** Adds or replaces entries. Durable when it resolves. */
  async put(entries: readonly InventoryEntry[]): Promise<void> {
    for (let at = 0; at < entries.length; at += BATCH) {
      const batch = entries.slice(at, at + BATCH)
      await this.#store.txn(
        [],
        batch.flatMap(entry => this.#putOperations(entry)),
      )
      for (const entry of batch) this.#remember(entry)
      this.#tell(batch)
    }
  }

  /** Forgets objects of an app, by `refKey`. Durable when it resolves. */
  async remove(app: string, keys: readonly string[]): Promise<void> {
    const entries = keys.flatMap(key => this.#apps.get(app)?.get(key) ?? [])
    for (let at = 0; at < entries.length; at += BATCH) {
      const batch = entries.slice(at, at + BATCH)
      await this.#store.txn(
        [],
        batch.map(entry => ({ type: 'delete', key: storeKey(entry) })),
      )
      for (const entry of batch) this.#forget(entry)
      this.#tell(batch)
    }
  }

  #putOperations(entry: InventoryEntry): readonly Operation[] {
    const before = this.#owners.get(refKey(entry.ref))
    return [
      { type: 'put', key: storeKey(entry), value: Buffer.from(JSON.stringify(entry)) },
      ...(before === undefined || before.app === entry.app
        ? []
        : [{ type: 'delete' as const, key: storeKey(before) }]),
    ]
  }

  #tell(entries: readonly InventoryEntry[]): void {
    for (const { ref } of entries) for (const listener of this.#listeners) listener(refKey(ref))
  }

  #remember(entry: InventoryEntry): void {
    const key = refKey(entry.ref)
    const before = this.#owners.get(key)
    if (before !== undefined && before.app !== entry.app) this.#forget(before)
    const entries = this.#apps.get(entry.app) ?? new Map<string, InventoryEntry>()
    this.#apps.set(entry.app, entries.set(key, entry))
    this.#owners.set(key, entry)
    this.#undeclared.get(entry.app)?.touched.add(key)
  }

  #forget(entry: InventoryEntry): void {
    const key = refKey(entry.ref)
    const entries = this.#apps.get(entry.app)
    entries?.delete(key)
    this.#undeclared.get(entry.app)?.touched.add(key)
    if (entries?.size === 0) {
      this.#apps.delete(entry.app)
      this.#undeclared.delete(entry.app)
    }
    if (this.#owners.get(key)?.app === entry.app) this.#owners.delete(key)
  }
}

function storeKey(entry: InventoryEntry): string {
  return `${PREFIX}${entry.app}/${refKey(entry.ref)}`
}
