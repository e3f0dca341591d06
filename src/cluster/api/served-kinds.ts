import { customKinds, isEstablished, isSameKind } from '../../kinds/index.ts'
import {
  type CustomKind,
  type CustomResourceDefinition,
  findResource,
  isCustomKind,
  type Kind,
  Kinds,
  StatusError,
} from '../../kube/index.ts'
import type { CacheFollower, KindCache } from './cache/kind-cache.ts'
import type { World } from './cache/world.ts'
import type { Abortable } from './contract.ts'

/** What is served at one instant. */
interface Served {
  /** Which state of the definitions it was made from. */
  readonly changes: number
  readonly all: readonly Kind[]
  /** By `<group>/<version>/<plural>`; versions that are stored and not served included. */
  readonly byResource: ReadonlyMap<string, CustomKind>
}

/**
 * The kinds that are served: those that this program knows, and those of the established CustomResourceDefinitions, read from their cache,
 * so that they are exactly as new as what reads show. Where both claim a resource it is the built-in one's.
 */
export class ServedKinds implements CacheFollower {
  readonly #world: World
  readonly #builtIn: readonly Kind[]
  readonly #definitions: KindCache
  readonly #watchers = new Map<() => void, CustomKind>()
  #served: Served | undefined

  constructor(world: World, builtIn: readonly Kind[]) {
    this.#world = world
    this.#builtIn = builtIn
    this.#definitions = world.cacheOf(Kinds.CustomResourceDefinition)
    this.#definitions.followers.add(this)
  }

  /** Every served kind, by group and plural name; the same list as long as it does not change. */
  get all(): readonly Kind[] {
    return this.#now().all
  }

  /** Resolves when every definition that was acknowledged before counts. */
  async fresh(caller: Abortable): Promise<void> {
    await this.#world.fresh(caller)
  }

  /** The kind behind a URL's group, version and plural name; undefined when it is not served. */
  async find(group: string, version: string, plural: string, caller: Abortable): Promise<Kind | undefined> {
    const builtIn = findResource(group, version, plural)
    // Definitions have a domain for a group: nothing else needs to be looked up.
    if (builtIn !== undefined || !group.includes('.')) return builtIn
    await this.fresh(caller)
    const kind = this.#now().byResource.get(keyOf(group, version, plural))
    return kind?.custom.isServed === true ? kind : undefined
  }

  /** The kind as it is defined now. A NotFound for one that was defined and is not any more. */
  current(kind: CustomKind): CustomKind
  current(kind: Kind): Kind
  current(kind: Kind): Kind {
    if (!isCustomKind(kind)) return kind
    const found = this.#now().byResource.get(keyOf(kind.group, kind.version, kind.plural))
    if (found === undefined)
      throw new StatusError('NotFound', 'the server could not find the requested resource')
    return found
  }

  /** Calls `onEnd` once the definition of the kind has changed or is gone, unless the answer is called first. */
  untilChanged(kind: CustomKind, onEnd: () => void): () => void {
    this.#watchers.set(onEnd, kind)
    return () => this.#watchers.delete(onEnd)
  }

  onEvent(): void {
    for (const [onEnd, kind] of this.#watchers) {
      const now = this.#now().byResource.get(keyOf(kind.group, kind.version, kind.plural))
      if (now !== undefined && isSameKind(now, kind)) continue
      this.#watchers.delete(onEnd)
      onEnd()
    }
  }

  onBookmark(): void {
    // Nothing has changed.
  }

  onLost(): void {
    // The state after it differs in its count of changes.
  }

  onEnd(): void {
    this.#watchers.clear()
  }

  #now(): Served {
    const { changes } = this.#definitions
    if (this.#served?.changes !== changes) this.#served = this.#make(changes)
    return this.#served
  }

  #make(changes: number): Served {
    const byResource = new Map<string, CustomKind>()
    for (const entry of this.#definitions.values()) {
      const definition = entry.object as CustomResourceDefinition
      if (!isEstablished(definition)) continue
      for (const kind of customKinds(definition)) {
        if (findResource(kind.group, kind.version, kind.plural) === undefined)
          byResource.set(keyOf(kind.group, kind.version, kind.plural), kind)
      }
    }
    const custom = [...byResource.values()].filter(kind => kind.custom.isServed)
    const all =
      custom.length === 0
        ? this.#builtIn
        : [...this.#builtIn, ...custom].sort(
            (a, b) => compareTexts(a.group, b.group) || compareTexts(a.plural, b.plural),
          )
    return { changes, all, byResource }
  }
}

function keyOf(group: string, version: string, plural: string): string {
  return `${group}/${version}/${plural}`
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
