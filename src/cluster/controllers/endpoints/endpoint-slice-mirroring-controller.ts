import { type Ids, messageOf, type Service as Part } from '../../../base/index.ts'
import type { Client, Informer } from '../../../client/index.ts'
import {
  type EndpointSlice,
  type Endpoints,
  isConflict,
  Kinds,
  LAST_APPLIED_ANNOTATION,
  type Service,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult } from '../control-loop.ts'
import { EXPECTATION_TIMEOUT_MS } from '../expectations.ts'
import { controllerOf } from '../ownership.ts'
import { mirroredContent } from './mirrored-content.ts'
import { hasSelector } from './service-selection.ts'
import {
  byKept,
  ENDPOINTS_MANAGED_BY,
  KEPT_INDEX,
  keptKey,
  MANAGED_BY,
  SERVICE_NAME,
  type SliceKeeper,
  sliceMetadata,
} from './slice-metadata.ts'
import { planSlices, type SlicePlan } from './slice-plan.ts'
import { SliceWriter } from './slice-writer.ts'

const NAME = 'endpoint-slice-mirroring-controller'
const KEEPER: SliceKeeper = 'endpointslicemirroring-controller.k8s.io'
const SKIP = 'endpointslice.kubernetes.io/skip-mirror'
const LEADER = 'control-plane.alpha.kubernetes.io/leader'
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity'

/**
 * Gives the Endpoints that somebody wrote for a service without a selector the form that is routed by: slices. Endpoints that say
 * that they are not to be mirrored are left alone, as are those of leader elections.
 */
export class EndpointSliceMirroringController implements Part {
  readonly #client: Client
  readonly #ids: Ids
  readonly #loop: ControlLoop
  readonly #services: Informer<Service>
  readonly #endpoints: Informer<Endpoints>
  readonly #slices: Informer<EndpointSlice>
  readonly #writer: SliceWriter

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#ids = context.ids
    this.#writer = new SliceWriter(this.#client, context.clock)
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: key => this.#reconcile(key) })
    this.#services = this.#loop.follow(Kinds.Service, this.#loop.enqueue)
    this.#endpoints = this.#loop.follow(Kinds.Endpoints, this.#loop.enqueue)
    this.#slices = this.#loop.follow(
      Kinds.EndpointSlice,
      {
        added: slice => this.#sliceSeen(slice),
        updated: (slice, previous) => {
          this.#sliceSeen(previous)
          this.#sliceSeen(slice)
        },
        deleted: slice => this.#sliceSeen(slice),
      },
      { [KEPT_INDEX]: byKept },
    )
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #sliceSeen(slice: EndpointSlice): void {
    const { [SERVICE_NAME]: service, [MANAGED_BY]: keeper } = slice.metadata.labels ?? {}
    if (service === undefined || keeper !== KEEPER) return
    const key = `${slice.metadata.namespace}/${service}`
    this.#writer.seen(key, slice)
    this.#loop.add(key)
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    if (!this.#writer.isSettled(key)) return { requeueAfterMs: EXPECTATION_TIMEOUT_MS }
    const service = this.#services.get(key)
    const endpoints = this.#endpoints.get(key)
    const kept = this.#slices
      .byIndex(KEPT_INDEX, keptKey(KEEPER, key))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    const isMirrored =
      service !== undefined && !hasSelector(service) && endpoints !== undefined && isToBeMirrored(endpoints)
    if (!isMirrored && kept.length === 0) return undefined
    try {
      await this.#writer.write(
        key,
        isMirrored ? this.#plan(endpoints, kept) : { create: [], update: [], remove: kept },
      )
    } catch (error) {
      if (endpoints !== undefined && !isConflict(error))
        this.#loop.events.record(
          endpoints,
          'Warning',
          'FailedToUpdateEndpointSlices',
          `Error updating Endpoint Slices for Endpoints ${key}: ${messageOf(error)}`,
        )
      throw error
    }
    return undefined
  }

  #plan(endpoints: Endpoints, kept: readonly EndpointSlice[]): SlicePlan {
    const own = kept.filter(slice => controllerOf(slice)?.uid === endpoints.metadata.uid)
    const { [ENDPOINTS_MANAGED_BY]: _, ...labels } = endpoints.metadata.labels ?? {}
    const {
      [LAST_APPLIED_ANNOTATION]: __,
      [OVER_CAPACITY]: ___,
      ...annotations
    } = endpoints.metadata.annotations ?? {}
    const plan = planSlices({
      groups: mirroredContent(endpoints),
      slices: own,
      metadataFor: existing =>
        sliceMetadata({ keeper: KEEPER, owner: endpoints, labels, annotations, ids: this.#ids }, existing),
    })
    const create = endpoints.metadata.deletionTimestamp === undefined ? plan.create : []
    return { ...plan, create, remove: [...plan.remove, ...kept.filter(slice => !own.includes(slice))] }
  }
}

function isToBeMirrored({ metadata }: Endpoints): boolean {
  return metadata.labels?.[SKIP] !== 'true' && metadata.annotations?.[LEADER] === undefined
}
