import { type Clock, deepEqual } from '../../../base/index.ts'
import {
  excessProblem,
  increaseOf,
  isInScopes,
  type QuotaTerms,
  quotaTerms,
  unspecifiedProblem,
  usageOf,
} from '../../../kinds/index.ts'
import {
  type Kind,
  Kinds,
  type KubeObject,
  type Pod,
  type ResourceQuota,
  registryKey,
  registryPrefix,
  resourceName,
} from '../../../kube/index.ts'
import type { CacheEvent, CacheFollower, KindCache } from '../cache/kind-cache.ts'
import type { World } from '../cache/world.ts'
import { forbidden } from '../refusals.ts'
import { Account, type Charge } from './account.ts'

/** What a write takes of the quotas of its namespace, until it has ended. */
export interface QuotaCharge {
  /** The write has ended: at `revision`, or not at all. Must be called once. */
  settle(revision: number | undefined): void
}

/** A write that is found good and not stored yet. */
export interface ChargedWrite {
  readonly kind: Kind
  readonly object: KubeObject
  /** What is stored; undefined for a new object. */
  readonly old: KubeObject | undefined
  /** False for a dry run, which is judged and takes nothing. */
  readonly holds: boolean
}

const FREE: QuotaCharge = { settle: () => undefined }

/** Of which a change, too, can use more than before (upstream's evaluators of services and claims); the others count once, when they are made. */
const GROWING: ReadonlySet<string> = new Set(['persistentvolumeclaims', 'services'])

interface KeptQuota {
  readonly spec: ResourceQuota['spec']
  readonly terms: QuotaTerms
  /** By resource; made when the first object of it is to be written. */
  readonly accounts: Map<string, Account>
}

/**
 * The quotas of every namespace and what is used of them: by what is stored and by the writes that are under way, so that writes that are
 * judged side by side cannot exceed a quota together. What is used is read from the caches and kept up to date by their events; nothing of it
 * is kept anywhere else, and no quota's status is asked: a quota counts from the moment it is acknowledged (kubernetes
 * `plugin/pkg/admission/resourcequota`, which charges the status instead). A write in a namespace without quotas costs one look-up.
 */
export class ResourceQuotas implements CacheFollower {
  readonly #world: World
  readonly #clock: Clock
  readonly #cache: KindCache
  /** Quotas by namespace and name. */
  readonly #quotas = new Map<string, Map<string, KeptQuota>>()
  /** The resources whose caches are followed. */
  readonly #followed = new Set<string>()
  /** What is held for writes that the caches do not show, by the key that they write. */
  readonly #underWay = new Map<string, Set<Charge>>()
  /** The caches start anew: everything has to be counted again. */
  #isStale = true

  constructor(world: World, clock: Clock) {
    this.#world = world
    this.#clock = clock
    this.#cache = world.cacheOf(Kinds.ResourceQuota)
    this.#cache.followers.add(this)
  }

  /**
   * Holds what a write takes of the quotas of its namespace; the caches must be fresh. A Forbidden in upstream's words when one of them
   * has no room for it, or a new pod does not say what it takes of what is limited.
   */
  charge({ kind, object, old, holds }: ChargedWrite): QuotaCharge {
    if (this.#isStale) this.#load()
    const { namespace = '', name = '' } = object.metadata
    const quotas = kind.namespaced ? this.#quotas.get(namespace) : undefined
    if (quotas === undefined) return FREE
    const resource = resourceName(kind)
    if (old !== undefined && !GROWING.has(resource)) return FREE
    const concerned = [...quotas.values()]
      .filter(({ terms }) => terms.resources.has(resource) && isInScopes(terms, resource, object))
      .sort((a, b) => (a.terms.name < b.terms.name ? -1 : 1))
    if (concerned.length === 0) return FREE
    const refuse = (why: string | undefined): void => {
      if (why !== undefined) throw forbidden(kind, name, why)
    }
    if (resource === 'pods')
      for (const { terms } of concerned) refuse(unspecifiedProblem(terms, object as Pod))
    const now = this.#clock.now()
    const before = old === undefined ? undefined : usageOf(resource, old, now)
    const requested = increaseOf(usageOf(resource, object, now), before)
    if (requested.size === 0) return FREE
    const accounts = concerned.map(quota => this.#accountOf(quota, kind, namespace))
    for (const account of accounts) refuse(excessProblem(account.terms, account.used(now), requested))
    if (!holds) return FREE
    const key = registryKey(kind, namespace, name)
    const charge: Charge = { key, namespace, resource, object, requested, accounts: new Set(accounts) }
    for (const account of accounts) account.hold(requested)
    const same = this.#underWay.get(key)
    if (same === undefined) this.#underWay.set(key, new Set([charge]))
    else same.add(charge)
    return { settle: revision => this.#settle(charge, revision) }
  }

  onEvent({ previous, current }: CacheEvent): void {
    if (this.#isStale) return
    if (current !== undefined) this.#setQuota(current.object as ResourceQuota)
    else if (previous !== undefined) this.#removeQuota(previous.object)
  }

  onBookmark(): void {}

  onLost(): void {
    this.#isStale = true
  }

  onEnd(): void {}

  #load(): void {
    this.#isStale = false
    this.#quotas.clear()
    for (const charges of [...this.#underWay.values()])
      for (const charge of [...charges])
        if (charge.revision !== undefined) this.#settle(charge, charge.revision)
    for (const { object } of this.#cache.values()) this.#setQuota(object as ResourceQuota)
  }

  /** What is counted stays as long as the terms do: most changes are of the status. */
  #setQuota(quota: ResourceQuota): void {
    const { namespace = '', name = '' } = quota.metadata
    const quotas = this.#quotas.get(namespace) ?? new Map<string, KeptQuota>()
    this.#quotas.set(namespace, quotas)
    const { spec } = quota
    const known = quotas.get(name)
    if (known === undefined || !deepEqual(known.spec, spec))
      quotas.set(name, { spec, terms: quotaTerms(quota), accounts: new Map() })
  }

  #removeQuota({ metadata: { namespace = '', name = '' } }: KubeObject): void {
    const quotas = this.#quotas.get(namespace)
    quotas?.delete(name)
    if (quotas?.size === 0) this.#quotas.delete(namespace)
  }

  /** Reads what is there once; events tell the rest. */
  #accountOf({ terms, accounts }: KeptQuota, kind: Kind, namespace: string): Account {
    const resource = resourceName(kind)
    const known = accounts.get(resource)
    if (known !== undefined) return known
    this.#follow(kind, resource)
    const account = new Account(terms, resource)
    const now = this.#clock.now()
    for (const entry of this.#world.cacheOf(kind).under(registryPrefix(kind, namespace)))
      account.tally.set(entry.key, entry.object, now)
    for (const charges of this.#underWay.values())
      for (const charge of charges)
        if (charge.namespace === namespace && charge.resource === resource) account.adopt(charge)
    accounts.set(resource, account)
    return account
  }

  #follow(kind: Kind, resource: string): void {
    if (this.#followed.has(resource)) return
    this.#followed.add(resource)
    this.#world.cacheOf(kind).followers.add({
      onEvent: event => this.#objectChanged(resource, event),
      onBookmark: () => {},
      onLost: () => {},
      onEnd: () => {},
    })
  }

  /**
   * What is stored is counted there, and nothing is held for it any more: the key's new state is what the write made, or what makes the write
   * fail, which rests on the state before.
   */
  #objectChanged(resource: string, { previous, current }: CacheEvent): void {
    const { key } = (current ?? previous)!
    const quotas = this.#quotas.get(namespaceIn(key))
    if (quotas !== undefined && !this.#isStale)
      for (const { accounts } of quotas.values())
        accounts.get(resource)?.tally.set(key, current?.object, this.#clock.now())
    for (const charge of [...(this.#underWay.get(key) ?? [])]) this.#release(charge)
  }

  /** What was stored and is not seen yet is held until it is. */
  #settle(charge: Charge, revision: number | undefined): void {
    if (revision === undefined || revision <= this.#world.revision) this.#release(charge)
    else charge.revision = revision
  }

  #release(charge: Charge): void {
    const same = this.#underWay.get(charge.key)
    if (same?.delete(charge) !== true) return
    if (same.size === 0) this.#underWay.delete(charge.key)
    for (const account of charge.accounts) account.release(charge.requested)
  }
}

/** `shop` of `/registry/apps/deployments/shop/web`. */
function namespaceIn(key: string): string {
  const end = key.lastIndexOf('/')
  return key.slice(key.lastIndexOf('/', end - 1) + 1, end)
}
