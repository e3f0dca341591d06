import { type Clock, deepEqual } from '../../../base/index.ts'
import type { Informer } from '../../../client/index.ts'
import { type QuotaTerms, quotaTerms, Tally } from '../../../kinds/index.ts'
import { type KubeObject, objectKey, type Quantity, type ResourceQuota } from '../../../kube/index.ts'

interface KeptQuota {
  readonly spec: ResourceQuota['spec']
  readonly terms: QuotaTerms
  readonly tallies: Map<string, Tally>
}

/** The objects of a resource, as an informer has them. */
export type CountedObjects = Pick<Informer<KubeObject>, 'hasSynced' | 'list'>

export interface QuotaCount {
  /** By the names of the quota's limits; without those of which nobody here can count anything. */
  readonly used: ReadonlyMap<string, Quantity>
  /** When it changes without a change of an object, at the earliest. */
  readonly nextChangeMs: number | undefined
}

/** What is used of each quota, counted once from the informers and then by what they tell. */
export class QuotaTallies {
  readonly #objectsOf: (resource: string) => CountedObjects | undefined
  readonly #clock: Clock
  /** By namespace and key. */
  readonly #quotas = new Map<string, Map<string, KeptQuota>>()

  /** `objectsOf` answers for a resource such as `deployments.apps`; undefined for one that is not served. */
  constructor(objectsOf: (resource: string) => CountedObjects | undefined, clock: Clock) {
    this.#objectsOf = objectsOf
    this.#clock = clock
  }

  /** Whether something is counted in a namespace. */
  isLimited(namespace: string): boolean {
    return this.#quotas.has(namespace)
  }

  /** Counts what is new of a quota and answers with all of it. */
  count(quota: ResourceQuota): QuotaCount {
    const { terms, tallies } = this.#keep(quota)
    const now = this.#clock.now()
    for (const resource of terms.resources.keys()) {
      const objects = this.#objectsOf(resource)
      if (tallies.has(resource) || objects?.hasSynced !== true) continue
      const tally = new Tally(terms, resource)
      for (const object of objects.list(quota.metadata.namespace ?? ''))
        tally.set(objectKey(object), object, now)
      tallies.set(resource, tally)
    }
    const used = [...tallies.values()].flatMap(tally => [...tally.used(now)])
    const changes = [...tallies.values()].flatMap(({ nextChangeMs }) => nextChangeMs ?? [])
    return { used: new Map(used), nextChangeMs: changes.length === 0 ? undefined : Math.min(...changes) }
  }

  /** An object is now so, or is gone. Answers with the keys of the quotas of which another amount is used now. */
  set(resource: string, { metadata }: KubeObject, object: KubeObject | undefined): readonly string[] {
    const quotas = this.#quotas.get(metadata.namespace ?? '')
    if (quotas === undefined) return []
    const key = `${metadata.namespace}/${metadata.name}`
    return [...quotas]
      .filter(([, { tallies }]) => tallies.get(resource)?.set(key, object, this.#clock.now()) === true)
      .map(([quota]) => quota)
  }

  forget(key: string): void {
    const namespace = key.slice(0, key.indexOf('/'))
    const quotas = this.#quotas.get(namespace)
    quotas?.delete(key)
    if (quotas?.size === 0) this.#quotas.delete(namespace)
  }

  /** The objects of a resource are others now: they are counted again when they are asked for. */
  forgetResource(resource: string): void {
    for (const quotas of this.#quotas.values())
      for (const { tallies } of quotas.values()) tallies.delete(resource)
  }

  #keep(quota: ResourceQuota): KeptQuota {
    const { namespace = '' } = quota.metadata
    const { spec } = quota
    const quotas = this.#quotas.get(namespace) ?? new Map<string, KeptQuota>()
    this.#quotas.set(namespace, quotas)
    const known = quotas.get(objectKey(quota))
    if (known !== undefined && deepEqual(known.spec, spec)) return known
    const kept: KeptQuota = { spec, terms: quotaTerms(quota), tallies: new Map() }
    quotas.set(objectKey(quota), kept)
    return kept
  }
}
