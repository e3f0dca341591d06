import { parseIpv4 } from '../../../base/index.ts'
import { Kinds, type Service } from '../../../kube/index.ts'
import type { CacheEvent, CacheFollower, KindCache } from '../cache/kind-cache.ts'
import { selectionOf } from '../cache/selection.ts'
import type { World } from '../cache/world.ts'

/** What no two Services may have: an address, or a port of every node. */
export type Claim = `address/${number}` | `port/${number}`

const EVERY_SERVICE = { namespace: '', labelSelector: '', fieldSelector: '' }

/**
 * What Services hold, by what is stored and by the writes that are under way. Nothing of it is kept anywhere else, so it cannot
 * differ from the Services: after a restart it is read from them again.
 */
export class ServiceClaims implements CacheFollower {
  readonly #world: World
  readonly #cache: KindCache
  /** How many stored Services hold a claim. */
  readonly #held = new Map<Claim, number>()
  /**
   * Claims of writes under way, each with the revision that made it part of a stored Service; undefined while that is not known.
   * A claim goes once the cache shows that revision.
   */
  readonly #underWay = new Map<Claim, number | undefined>()
  /** The cache starts anew: what is held has to be counted again. */
  #isStale = true

  constructor(world: World) {
    this.#world = world
    this.#cache = world.cacheOf(Kinds.Service)
    this.#cache.followers.add(this)
  }

  isTaken(claim: Claim): boolean {
    if (this.#isStale) this.#count()
    return this.#held.has(claim) || this.#underWay.has(claim)
  }

  /** Holds claims for a write; whoever holds them must `settle` them. */
  hold(claims: readonly Claim[]): void {
    for (const claim of claims) this.#underWay.set(claim, undefined)
  }

  /** The write has ended: at `revision`, or not at all. */
  settle(claims: readonly Claim[], revision: number | undefined): void {
    for (const claim of claims) {
      if (revision === undefined || revision <= this.#world.revision) this.#underWay.delete(claim)
      else this.#underWay.set(claim, revision)
    }
  }

  onEvent({ revision, previous, current }: CacheEvent): void {
    if (!this.#isStale) {
      if (previous !== undefined) for (const claim of claimsOf(previous.object as Service)) this.#drop(claim)
      if (current !== undefined) for (const claim of claimsOf(current.object as Service)) this.#add(claim)
    }
    this.#forget(revision)
  }

  onBookmark(): void {}

  onLost(): void {
    this.#isStale = true
  }

  onEnd(): void {}

  #count(): void {
    this.#isStale = false
    this.#held.clear()
    for (const { object } of this.#cache.select(selectionOf(Kinds.Service, EVERY_SERVICE)))
      for (const claim of claimsOf(object as Service)) this.#add(claim)
    this.#forget(this.#world.revision)
  }

  #add(claim: Claim): void {
    this.#held.set(claim, (this.#held.get(claim) ?? 0) + 1)
  }

  #drop(claim: Claim): void {
    const left = (this.#held.get(claim) ?? 1) - 1
    if (left === 0) this.#held.delete(claim)
    else this.#held.set(claim, left)
  }

  /** What the cache shows is counted there. */
  #forget(revision: number): void {
    for (const [claim, made] of this.#underWay)
      if (made !== undefined && made <= revision) this.#underWay.delete(claim)
  }
}

/** What a Service holds. */
export function claimsOf({ spec = {} }: Service): ReadonlySet<Claim> {
  const claims = new Set<Claim>()
  for (const address of spec.clusterIPs ?? []) {
    const number = parseIpv4(address)
    if (number !== undefined) claims.add(`address/${number}`)
  }
  for (const { nodePort } of spec.ports ?? []) if (nodePort) claims.add(`port/${nodePort}`)
  if (spec.healthCheckNodePort) claims.add(`port/${spec.healthCheckNodePort}`)
  return claims
}
