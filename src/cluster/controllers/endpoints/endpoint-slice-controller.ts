import {
  type Clock,
  deepEqual,
  type Ids,
  type Logger,
  messageOf,
  type Service as Part,
  WorkQueue,
} from '../../../base/index.ts'
import { type Client, type EventRecorder, type Informer, untilSynced } from '../../../client/index.ts'
import {
  type EndpointSlice,
  isConflict,
  Kinds,
  type Node,
  objectKey,
  type Pod,
  type Service,
} from '../../../kube/index.ts'
import { type ControllerContext, voiceOf } from '../context.ts'
import { type ReconcileResult, runController } from '../controller.ts'
import { EXPECTATION_TIMEOUT_MS } from '../expectations.ts'
import { controllerOf } from '../ownership.ts'
import { byNode, NODE_INDEX } from '../pods-of-node.ts'
import { endpointFacts } from './pod-address.ts'
import {
  byLabel,
  bySelector,
  hasSelector,
  LABEL_INDEX,
  podsOfService,
  SELECTOR_INDEX,
  servicesOfLabels,
} from './service-selection.ts'
import { type NodePlace, sliceContent } from './slice-content.ts'
import {
  byKept,
  inheritedLabels,
  KEPT_INDEX,
  keptKey,
  MANAGED_BY,
  SERVICE_NAME,
  type SliceKeeper,
  sliceMetadata,
} from './slice-metadata.ts'
import { planSlices, type SlicePlan } from './slice-plan.ts'
import { SliceWriter } from './slice-writer.ts'

const NAME = 'endpoint-slice-controller'
const KEEPER: SliceKeeper = 'endpointslice-controller.k8s.io'
const ZONE = 'topology.kubernetes.io/zone'
/**
 * The first change of a service is written at once, and those that follow closely together: every write goes to every host, and a
 * rollout of many pods is many changes.
 */
const PACE_MS = 100
/** Many, since a worker does nothing but wait for the store, which makes what waits durable together. */
const WORKERS = 64

/** Keeps the slices of each service that selects pods equal to those pods. */
export class EndpointSliceController implements Part {
  readonly #client: Client
  readonly #clock: Clock
  readonly #ids: Ids
  readonly #log: Logger
  readonly #events: EventRecorder
  readonly #services: Informer<Service>
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #slices: Informer<EndpointSlice>
  readonly #queue: WorkQueue
  readonly #writer: SliceWriter
  /** When each service was last written. */
  readonly #writtenAt = new Map<string, number>()

  constructor(context: ControllerContext) {
    const { events, log } = voiceOf(context, NAME)
    this.#client = context.client
    this.#clock = context.clock
    this.#ids = context.ids
    this.#log = log
    this.#events = events
    this.#services = context.informers.of(Kinds.Service)
    this.#services.addIndex(SELECTOR_INDEX, bySelector)
    this.#pods = context.informers.of(Kinds.Pod)
    this.#pods.addIndex(LABEL_INDEX, byLabel)
    this.#pods.addIndex(NODE_INDEX, byNode)
    this.#nodes = context.informers.of(Kinds.Node)
    this.#slices = context.informers.of(Kinds.EndpointSlice)
    this.#slices.addIndex(KEPT_INDEX, byKept)
    this.#queue = new WorkQueue(context.clock)
    this.#writer = new SliceWriter(this.#client, context.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const informers = [this.#services, this.#pods, this.#nodes, this.#slices]
    const subscriptions = [
      this.#services.subscribe({
        added: service => this.#queue.add(objectKey(service)),
        updated: service => this.#queue.add(objectKey(service)),
        deleted: service => this.#queue.add(objectKey(service)),
      }),
      this.#pods.subscribe({
        added: pod => this.#podMoved(pod),
        updated: (pod, previous) => {
          if (deepEqual(endpointFacts(pod), endpointFacts(previous))) return
          this.#podMoved(previous)
          this.#podMoved(pod)
        },
        deleted: pod => this.#podMoved(pod),
      }),
      this.#nodes.subscribe({
        added: node => this.#nodeMoved(node),
        updated: (node, previous) => {
          if (zoneOf(node) !== zoneOf(previous)) this.#nodeMoved(node)
        },
        deleted: node => this.#nodeMoved(node),
      }),
      this.#slices.subscribe({
        added: slice => this.#sliceSeen(slice),
        updated: (slice, previous) => {
          this.#sliceSeen(previous)
          this.#sliceSeen(slice)
        },
        deleted: slice => this.#sliceSeen(slice),
      }),
    ]
    if (await untilSynced(informers, signal))
      await runController(
        {
          name: NAME,
          queue: this.#queue,
          reconcile: key => this.#reconcile(key),
          workers: WORKERS,
          log: this.#log,
        },
        signal,
      )
    for (const unsubscribe of subscriptions) unsubscribe()
    await this.#events.close()
  }

  #podMoved({ metadata }: Pod): void {
    for (const service of servicesOfLabels(this.#services, metadata.namespace, metadata.labels))
      this.#queue.add(objectKey(service))
  }

  #nodeMoved({ metadata }: Node): void {
    for (const pod of this.#pods.byIndex(NODE_INDEX, metadata.name ?? '')) this.#podMoved(pod)
  }

  #sliceSeen(slice: EndpointSlice): void {
    const { [SERVICE_NAME]: service, [MANAGED_BY]: keeper } = slice.metadata.labels ?? {}
    if (service === undefined || keeper !== KEEPER) return
    const key = `${slice.metadata.namespace}/${service}`
    this.#writer.seen(key, slice)
    this.#queue.add(key)
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const waitMs = (this.#writtenAt.get(key) ?? Number.NEGATIVE_INFINITY) + PACE_MS - this.#clock.now()
    if (waitMs > 0) return { requeueAfterMs: waitMs }
    this.#writtenAt.delete(key)
    if (!this.#writer.isSettled(key)) return { requeueAfterMs: EXPECTATION_TIMEOUT_MS }

    const service = this.#services.get(key)
    // Without a selector the endpoints are whatever somebody else says.
    if (service !== undefined && service.spec?.type !== 'ExternalName' && !hasSelector(service))
      return undefined
    const kept = this.#slices
      .byIndex(KEPT_INDEX, keptKey(KEEPER, key))
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    const plan = this.#plan(service, kept)
    if (plan.create.length + plan.update.length + plan.remove.length === 0) return undefined
    this.#writtenAt.set(key, this.#clock.now())
    try {
      await this.#writer.write(key, plan)
    } catch (error) {
      this.#writtenAt.delete(key)
      if (service !== undefined && !isConflict(error))
        this.#events.record(
          service,
          'Warning',
          'FailedToUpdateEndpointSlices',
          `Error updating Endpoint Slices for Service ${key}: ${messageOf(error)}`,
        )
      throw error
    }
    return undefined
  }

  #plan(service: Service | undefined, kept: readonly EndpointSlice[]): SlicePlan {
    if (service === undefined || service.spec?.type === 'ExternalName') return { ...NOTHING, remove: kept }
    const own = kept.filter(slice => controllerOf(slice)?.uid === service.metadata.uid)
    const labels = inheritedLabels(service)
    const plan = planSlices({
      groups: sliceContent({
        service,
        pods: podsOfService(this.#pods, service),
        placeOf: name => placeOf(this.#nodes.get(name)),
      }),
      slices: own,
      metadataFor: existing =>
        sliceMetadata({ keeper: KEEPER, owner: service, labels, ids: this.#ids }, existing),
    })
    // A former service of this name had them; the garbage collector is about to take them.
    const strangers = kept.filter(slice => !own.includes(slice))
    const create = service.metadata.deletionTimestamp === undefined ? plan.create : []
    return { ...plan, create, remove: [...plan.remove, ...strangers] }
  }
}

const NOTHING: SlicePlan = { create: [], update: [], remove: [] }

function placeOf(node: Node | undefined): NodePlace | undefined {
  return node === undefined ? undefined : { zone: zoneOf(node) }
}

function zoneOf({ metadata }: Node): string | undefined {
  return metadata.labels?.[ZONE]
}
