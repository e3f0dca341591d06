import type { KeyValueStore, Operation } from '../base/index.ts'
import type { SourcePosition } from '../diff/index.ts'
import { type ObjectRef, refKey } from '../kube/index.ts'

/** One object that Git owns: who declares it, where, and which commit changed it last. */
export interface InventoryEntry {
  readonly app: string
  readonly ref: ObjectRef
  readonly source: SourcePosition
  /** The commit that last changed the object through this app. */
  readonly commit: string
}

const PREFIX = '/bowline/inventory/'

/** Operations in one transaction; bounds the size of a commit of the store. */
const BATCH = 500

/**
 * What Git owns now, per app; the only permission to delete that there is. Kept in the home store, one key an object, so
 * that a write costs what changed; held in memory for lookups. Never written onto the objects themselves.
 */
export class Inventory {
  readonly #store: KeyValueStore
  readonly #apps = new Map<string, Map<string, InventoryEntry>>()
  readonly #owners = new Map<string, InventoryEntry>()

  private constructor(store: KeyValueStore) {
    this.#store = store
  }

  static async load(store: KeyValueStore): Promise<Inventory> {
    const inventory = new Inventory(store)
    const { items } = await store.range(PREFIX)
    for (const { value } of items)
      inventory.#remember(JSON.parse(Buffer.from(value).toString()) as InventoryEntry)
    return inventory
  }

  /** Everything that Git owns, of all apps. */
  refs(): readonly ObjectRef[] {
    return [...this.#owners.values()].map(({ ref }) => ref)
  }

  /** What an app owns, in no particular order. */
  entries(app: string): readonly InventoryEntry[] {
    return [...(this.#apps.get(app)?.values() ?? [])]
  }

  count(app: string): number {
    return this.#apps.get(app)?.size ?? 0
  }

  /** Who owns an object, if Git does. */
  ownerOf(ref: ObjectRef): InventoryEntry | undefined {
    return this.#owners.get(refKey(ref))
  }

  /** Adds or replaces entries. Durable when it resolves; entries that say the same already cost nothing. */
  async put(entries: readonly InventoryEntry[]): Promise<void> {
    const changed = entries.filter(entry => !isSame(this.#apps.get(entry.app)?.get(refKey(entry.ref)), entry))
    await this.#write(
      changed.map(entry => ({ type: 'put', key: keyOf(entry), value: Buffer.from(JSON.stringify(entry)) })),
    )
    for (const entry of changed) this.#remember(entry)
  }

  /** Forgets objects of an app. Durable when it resolves. */
  async remove(app: string, refs: readonly ObjectRef[]): Promise<void> {
    const entries = refs.flatMap(ref => this.#apps.get(app)?.get(refKey(ref)) ?? [])
    await this.#write(entries.map(entry => ({ type: 'delete', key: keyOf(entry) })))
    for (const entry of entries) this.#forget(entry)
  }

  async #write(operations: readonly Operation[]): Promise<void> {
    for (let at = 0; at < operations.length; at += BATCH)
      await this.#store.txn([], operations.slice(at, at + BATCH))
  }

  #remember(entry: InventoryEntry): void {
    const entries = this.#apps.get(entry.app) ?? new Map<string, InventoryEntry>()
    this.#apps.set(entry.app, entries.set(refKey(entry.ref), entry))
    this.#owners.set(refKey(entry.ref), entry)
  }

  #forget(entry: InventoryEntry): void {
    const key = refKey(entry.ref)
    const entries = this.#apps.get(entry.app)
    entries?.delete(key)
    if (entries?.size === 0) this.#apps.delete(entry.app)
    if (this.#owners.get(key)?.app === entry.app) this.#owners.delete(key)
  }
}

function keyOf(entry: InventoryEntry): string {
  return `${PREFIX}${entry.app}/${refKey(entry.ref)}`
}

function isSame(a: InventoryEntry | undefined, b: InventoryEntry): boolean {
  return (
    a !== undefined &&
    a.commit === b.commit &&
    a.source.file === b.source.file &&
    a.source.line === b.source.line &&
    a.source.column === b.source.column
  )
}
