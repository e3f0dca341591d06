import { type Ids, type Logger, messageOf, type Service as Part, WorkQueue } from '../../../base/index.ts'
import { type Client, type EventRecorder, type Informer, untilSynced } from '../../../client/index.ts'
import {
  type EndpointSlice,
  type Endpoints,
  isConflict,
  Kinds,
  LAST_APPLIED_ANNOTATION,
  objectKey,
  type Service,
} from '../../../kube/index.ts'
import { type ControllerContext, voiceOf } from '../context.ts'
import { type ReconcileResult, runController } from '../controller.ts'
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
  readonly #log: Logger
  readonly #events: EventRecorder
  readonly #services: Informer<Service>
  readonly #endpoints: Informer<Endpoints>
  readonly #slices: Informer<EndpointSlice>
  readonly #queue: WorkQueue
  readonly #writer: SliceWriter

  constructor(context: ControllerContext) {
    const { events, log } = voiceOf(context, NAME)
    this.#client = context.client
    this.#ids = context.ids
    this.#log = log
    this.#events = events
    this.#services = context.informers.of(Kinds.Service)
    this.#endpoints = context.informers.of(Kinds.Endpoints)
    this.#slices = context.informers.of(Kinds.EndpointSlice)
    this.#slices.addIndex(KEPT_INDEX, byKept)
    this.#queue = new WorkQueue(context.clock)
    this.#writer = new SliceWriter(this.#client, context.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const enqueue = (object: Service | Endpoints) => this.#queue.add(objectKey(object))
    const subscriptions = [
      this.#services.subscribe({ added: enqueue, updated: enqueue, deleted: enqueue }),
      this.#endpoints.subscribe({ added: enqueue, updated: enqueue, deleted: enqueue }),
      this.#slices.subscribe({
        added: slice => this.#sliceSeen(slice),
        updated: (slice, previous) => {
          this.#sliceSeen(previous)
          this.#sliceSeen(slice)
        },
        deleted: slice => this.#sliceSeen(slice),
      }),
    ]
    if (await untilSynced([this.#services, this.#endpoints, this.#slices], signal))
      await runController(
        { name: NAME, queue: this.#queue, reconcile: key => this.#reconcile(key), log: this.#log },
        signal,
      )
    for (const unsubscribe of subscriptions) unsubscribe()
    await this.#events.close()
  }

  #sliceSeen(slice: EndpointSlice): void {
    const { [SERVICE_NAME]: service, [MANAGED_BY]: keeper } = slice.metadata.labels ?? {}
    if (service === undefined || keeper !== KEEPER) return
    const key = `${slice.metadata.namespace}/${service}`
    this.#writer.seen(key, slice)
    this.#queue.add(key)
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
        this.#events.record(
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
