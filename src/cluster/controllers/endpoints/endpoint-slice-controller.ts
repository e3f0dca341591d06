import type { Clock, Service as Part } from '../../../base/index.ts'
import type { Informer } from '../../../client/index.ts'
import { Kinds, type Node, type Pod, type Service } from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, type ReconcileResult, whenChanged } from '../control-loop.ts'
import { EXPECTATION_TIMEOUT_MS } from '../expectations.ts'
import { byNode, NODE_INDEX } from '../pods-of-node.ts'
import { KeptSlices, type WantedSlices } from './kept-slices.ts'
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
import { inheritedLabels } from './slice-metadata.ts'

const NAME = 'endpoint-slice-controller'
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
  readonly #clock: Clock
  readonly #loop: ControlLoop
  readonly #services: Informer<Service>
  readonly #pods: Informer<Pod>
  readonly #nodes: Informer<Node>
  readonly #slices: KeptSlices
  /** When each service was last written. */
  readonly #writtenAt = new Map<string, number>()

  constructor(context: ControllerContext) {
    this.#clock = context.clock
    this.#loop = new ControlLoop(context, {
      name: NAME,
      reconcile: key => this.#reconcile(key),
      workers: WORKERS,
    })
    this.#services = this.#loop.follow(Kinds.Service, this.#loop.enqueue, { [SELECTOR_INDEX]: bySelector })
    this.#pods = this.#loop.follow(
      Kinds.Pod,
      whenChanged(endpointFacts, pod => this.#podMoved(pod)),
      { [LABEL_INDEX]: byLabel, [NODE_INDEX]: byNode },
    )
    this.#nodes = this.#loop.follow(
      Kinds.Node,
      whenChanged(zoneOf, node => this.#nodeMoved(node)),
    )
    this.#slices = new KeptSlices(context, this.#loop, 'endpointslice-controller.k8s.io')
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  #podMoved({ metadata }: Pod): void {
    for (const service of servicesOfLabels(this.#services, metadata.namespace, metadata.labels))
      this.#loop.enqueue(service)
  }

  #nodeMoved({ metadata }: Node): void {
    for (const pod of this.#pods.byIndex(NODE_INDEX, metadata.name ?? '')) this.#podMoved(pod)
  }

  async #reconcile(key: string): Promise<ReconcileResult | undefined> {
    const waitMs = (this.#writtenAt.get(key) ?? Number.NEGATIVE_INFINITY) + PACE_MS - this.#clock.now()
    if (waitMs > 0) return { requeueAfterMs: waitMs }
    this.#writtenAt.delete(key)
    if (!this.#slices.isSettled(key)) return { requeueAfterMs: EXPECTATION_TIMEOUT_MS }

    const service = this.#services.get(key)
    const isRouted = service !== undefined && service.spec?.type !== 'ExternalName'
    // Without a selector the endpoints are whatever somebody else says.
    if (isRouted && !hasSelector(service)) return undefined
    const plan = this.#slices.plan(key, isRouted ? this.#wanted(service) : undefined)
    if (plan.create.length + plan.update.length + plan.remove.length === 0) return undefined
    this.#writtenAt.set(key, this.#clock.now())
    try {
      await this.#slices.write(key, plan, service)
    } catch (error) {
      this.#writtenAt.delete(key)
      throw error
    }
    return undefined
  }

  #wanted(service: Service): WantedSlices {
    const groups = sliceContent({
      service,
      pods: podsOfService(this.#pods, service),
      placeOf: name => placeOf(this.#nodes.get(name)),
    })
    return { owner: service, groups, labels: inheritedLabels(service) }
  }
}

function placeOf(node: Node | undefined): NodePlace | undefined {
  return node === undefined ? undefined : { zone: zoneOf(node) }
}

function zoneOf({ metadata }: Node): string | undefined {
  return metadata.labels?.[ZONE]
}
