import { type App, refKey } from '../kube/index.ts'
import type { Inventory, InventoryEntry } from './inventory.ts'

/** Who has an object that another repository declares as well. */
export interface ForeignOwner {
  readonly entry: InventoryEntry
  /** The App whose source declares it. */
  readonly root: App
}

const NOTHING: ReadonlyMap<string, InventoryEntry> = new Map()

/** What an app needs to know of what others have, and tells of what it will have. */
export interface AppOwnership {
  /** The app of another root that has an object, by `refKey`, or is about to have it. One whose App is gone has nothing. */
  foreignOwner(key: string): ForeignOwner | undefined
  /** The same of any other app: within one root a newer revision moves an object from one to another, and nothing else does. */
  otherOwner(key: string): ForeignOwner | undefined
  /** Whether apps of other roots have objects in a namespace, or are about to. */
  isShared(namespace: string): boolean
  /**
   * The app is about to own these, by `refKey`, and no longer what it was about to own before. Nobody else gets them from now on, if they were found to
   * be free in the same turn of the event loop.
   */
  claim(entries: ReadonlyMap<string, InventoryEntry>): void
  /** Calls back with each of these keys whose owner may be another, or none, from now on. Returns the function that ends it. */
  watch(keys: Iterable<string>, onChange: (key: string) => void): () => void
}

/**
 * Which app may have an object that several repositories declare: the one that has it, for as long as its App is there. Among the apps of one
 * repository its revisions decide. Of two apps that come at once the first to claim an object gets it, before the inventory says so durably.
 */
export class Ownership {
  readonly #inventory: Inventory
  readonly #rootOf: (app: string) => App | undefined
  readonly #claims = new Map<string, InventoryEntry>()
  /** The keys that each app claimed last, also those that it owns since. */
  readonly #claimed = new Map<string, readonly string[]>()
  readonly #watchers = new Map<string, Set<(key: string) => void>>()

  /** `rootOf` names the root of an app that is there. */
  constructor(inventory: Inventory, rootOf: (app: string) => App | undefined) {
    this.#inventory = inventory
    this.#rootOf = rootOf
    inventory.onChange(key => {
      const claim = this.#claims.get(key)
      if (claim !== undefined && claim.app === inventory.ownerOfKey(key)?.app) this.#claims.delete(key)
      this.#tell(key)
    })
  }

  /** As the app of a root sees it. */
  of(app: string, root: string): AppOwnership {
    return {
      foreignOwner: key => this.#foreignOwner(app, root, key),
      otherOwner: key => this.#otherOwner(app, key),
      isShared: namespace => this.#isShared(app, root, namespace),
      claim: entries => this.#claim(app, entries),
      watch: (keys, onChange) => this.#watch(keys, onChange),
    }
  }

  /** Apps whose Apps are gone, or are no longer followed, have nothing any more that another could want. */
  release(apps: readonly string[]): void {
    for (const app of apps) {
      this.#claim(app, NOTHING)
      if (this.#watchers.size === 0) continue
      for (const key of this.#inventory.entriesOf(app).keys()) this.#tell(key)
    }
  }

  #foreignOwner(app: string, root: string, key: string): ForeignOwner | undefined {
    const other = this.#otherOwner(app, key)
    return other?.root.metadata.name === root ? undefined : other
  }

  #otherOwner(app: string, key: string): ForeignOwner | undefined {
    const entry = this.#claims.get(key) ?? this.#inventory.ownerOfKey(key)
    if (entry === undefined || entry.app === app) return undefined
    const root = this.#rootOf(entry.app)
    return root && { entry, root }
  }

  #isShared(app: string, root: string, namespace: string): boolean {
    for (const entries of [this.#inventory.entries(), this.#claims.values()])
      for (const { ref } of entries)
        if (ref.namespace === namespace && this.#foreignOwner(app, root, refKey(ref)) !== undefined)
          return true
    return false
  }

  #claim(app: string, entries: ReadonlyMap<string, InventoryEntry>): void {
    const before = this.#claimed.get(app) ?? []
    const keys: string[] = []
    for (const [key, entry] of entries) {
      if (this.#inventory.ownerOfKey(key)?.app === app) continue
      this.#claims.set(key, entry)
      keys.push(key)
    }
    if (keys.length > 0) this.#claimed.set(app, keys)
    else this.#claimed.delete(app)
    for (const key of before) {
      const claim = this.#claims.get(key)
      if (claim?.app !== app || claim === entries.get(key)) continue
      this.#claims.delete(key)
      this.#tell(key)
    }
  }

  #watch(keys: Iterable<string>, onChange: (key: string) => void): () => void {
    const watched = [...keys]
    for (const key of watched) {
      const watchers = this.#watchers.get(key) ?? new Set()
      this.#watchers.set(key, watchers.add(onChange))
    }
    return () => {
      for (const key of watched) {
        const watchers = this.#watchers.get(key)
        watchers?.delete(onChange)
        if (watchers?.size === 0) this.#watchers.delete(key)
      }
    }
  }

  #tell(key: string): void {
    for (const watcher of [...(this.#watchers.get(key) ?? [])]) watcher(key)
  }
}
