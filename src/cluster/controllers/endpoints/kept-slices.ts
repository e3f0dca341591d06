import { type Ids, messageOf } from '../../../base/index.ts'
import type { Client, Informer } from '../../../client/index.ts'
import {
  type EndpointSlice,
  type Endpoints,
  isConflict,
  Kinds,
  objectKey,
  type Service,
} from '../../../kube/index.ts'
import type { ControlLoop, ControllerContext } from '../control-loop.ts'
import { deleteObject } from '../delete-object.ts'
import { Expectations } from '../expectations.ts'
import { isNamespaceTerminating } from '../namespace-terminating.ts'
import { controllerOf } from '../ownership.ts'
import type { EndpointGroup } from './slice-content.ts'
import {
  byKept,
  KEPT_INDEX,
  keptKey,
  MANAGED_BY,
  type SliceKeeper,
  serviceKeyOf,
  sliceMetadata,
} from './slice-metadata.ts'
import { planSlices, type SlicePlan } from './slice-plan.ts'

/** What the slices of a service are to hold. */
export interface WantedSlices {
  /** The Service, or the Endpoints that are mirrored: of the same name. */
  readonly owner: Service | Endpoints
  readonly groups: readonly EndpointGroup[]
  readonly labels: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

/**
 * The slices that a controller keeps, by the key of their service, `namespace/name`: its loop looks at a service whose slices change.
 * What was created is expected until the cache shows it, so that nothing is created twice; a stale cache shows itself in updates as
 * a conflict.
 */
export class KeptSlices {
  readonly #client: Client
  readonly #ids: Ids
  readonly #loop: ControlLoop
  readonly #keeper: SliceKeeper
  readonly #slices: Informer<EndpointSlice>
  readonly #expectations: Expectations

  constructor(context: ControllerContext, loop: ControlLoop, keeper: SliceKeeper) {
    this.#client = context.client
    this.#ids = context.ids
    this.#loop = loop
    this.#keeper = keeper
    this.#expectations = new Expectations(context.clock)
    const seen = (slice: EndpointSlice) => this.#seen(slice)
    this.#slices = loop.follow(
      Kinds.EndpointSlice,
      {
        added: seen,
        updated: (slice, previous) => {
          seen(previous)
          seen(slice)
        },
        deleted: seen,
      },
      { [KEPT_INDEX]: byKept },
    )
  }

  /** Whether the cache shows all that was created for a service. */
  isSettled(key: string): boolean {
    return this.#expectations.isSatisfied(key)
  }

  /** How to bring the slices of a service to hold what is wanted; without it they all go. */
  plan(key: string, wanted: WantedSlices | undefined): SlicePlan {
    const kept = this.#slices
      .byIndex(KEPT_INDEX, keptKey(this.#keeper, key))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    if (wanted === undefined) return { create: [], update: [], remove: kept }
    const { groups, ...facts } = wanted
    const { uid, deletionTimestamp } = wanted.owner.metadata
    const own = kept.filter(slice => controllerOf(slice)?.uid === uid)
    const plan = planSlices({
      groups,
      slices: own,
      metadataFor: existing => sliceMetadata({ ...facts, keeper: this.#keeper, ids: this.#ids }, existing),
    })
    // A former owner of this name had them; the garbage collector is about to take them.
    const strangers = kept.filter(slice => !own.includes(slice))
    const create = deletionTimestamp === undefined ? plan.create : []
    return { ...plan, create, remove: [...plan.remove, ...strangers] }
  }

  /** Carries out a plan; what fails is told in an event about `owner` too. What is gone is removed last: no endpoint is missing meanwhile. */
  async write(
    key: string,
    { create, update, remove }: SlicePlan,
    owner: Service | Endpoints | undefined,
  ): Promise<void> {
    try {
      await Promise.all([
        ...create.map(slice => this.#create(key, slice)),
        ...update.map(slice => this.#client.update(Kinds.EndpointSlice, slice)),
      ])
      await Promise.all(remove.map(slice => deleteObject(this.#client, Kinds.EndpointSlice, slice)))
    } catch (error) {
      if (owner !== undefined && !isConflict(error))
        this.#loop.events.record(
          owner,
          'Warning',
          'FailedToUpdateEndpointSlices',
          `Error updating Endpoint Slices for ${owner.kind} ${key}: ${messageOf(error)}`,
        )
      throw error
    }
  }

  #seen(slice: EndpointSlice): void {
    const key = serviceKeyOf(slice)
    if (key === undefined || slice.metadata.labels?.[MANAGED_BY] !== this.#keeper) return
    this.#expectations.settle(key, objectKey(slice))
    this.#loop.add(key)
  }

  async #create(key: string, slice: EndpointSlice): Promise<void> {
    this.#expectations.expect(key, objectKey(slice))
    try {
      await this.#client.create(Kinds.EndpointSlice, slice)
    } catch (error) {
      this.#expectations.settle(key, objectKey(slice))
      if (!isNamespaceTerminating(error)) throw error
    }
  }
}
