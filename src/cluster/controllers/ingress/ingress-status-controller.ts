import { deepEqual, type Logger, type Service as Part, WorkQueue } from '../../../base/index.ts'
import { type Client, type EventRecorder, type Informer, untilSynced } from '../../../client/index.ts'
import {
  INGRESS_CONDITION,
  type Ingress,
  type IngressClass,
  isNotFound,
  Kinds,
  type Node,
  objectKey,
  routeTable,
  servedIngresses,
  tlsClaims,
} from '../../../kube/index.ts'
import { type ControllerContext, voiceOf } from '../context.ts'
import { runController } from '../controller.ts'
import { conditionStatus } from '../node-lifecycle/node-taints.ts'

const NAME = 'ingress-controller'
/** Ingresses compete for hosts and paths, and all have the same addresses: they are looked at together, under one key. */
const ALL = 'all'

/**
 * Tells each ingress that the agents serve by which addresses it is reached: those of the hosts whose agents say that they serve. Says
 * in an event what an ingress claims and another has.
 */
export class IngressStatusController implements Part {
  readonly #client: Client
  readonly #log: Logger
  readonly #events: EventRecorder
  readonly #ingresses: Informer<Ingress>
  readonly #classes: Informer<IngressClass>
  readonly #nodes: Informer<Node>
  readonly #queue: WorkQueue
  /** The problems that an event was written about, as they last. */
  #told: ReadonlySet<string> = new Set()

  constructor(context: ControllerContext) {
    const { events, log } = voiceOf(context, NAME)
    this.#client = context.client
    this.#log = log
    this.#events = events
    this.#ingresses = context.informers.of(Kinds.Ingress)
    this.#classes = context.informers.of(Kinds.IngressClass)
    this.#nodes = context.informers.of(Kinds.Node)
    this.#queue = new WorkQueue(context.clock)
  }

  async start(signal: AbortSignal): Promise<void> {
    const look = () => this.#queue.add(ALL)
    const subscriptions = [
      this.#ingresses.subscribe({ added: look, updated: look, deleted: look }),
      this.#classes.subscribe({ added: look, updated: look, deleted: look }),
      this.#nodes.subscribe({
        added: look,
        updated: (node, previous) => {
          if (!deepEqual(hostFacts(node), hostFacts(previous))) look()
        },
        deleted: look,
      }),
    ]
    if (await untilSynced([this.#ingresses, this.#classes, this.#nodes], signal))
      await runController(
        { name: NAME, queue: this.#queue, reconcile: () => this.#reconcile(), workers: 1, log: this.#log },
        signal,
      )
    for (const unsubscribe of subscriptions) unsubscribe()
    await this.#events.close()
  }

  async #reconcile(): Promise<void> {
    const ingresses = servedIngresses(this.#ingresses.list(), this.#classes.list())
    this.#tellProblems(ingresses)
    const nodes = this.#nodes.list()
    // After a long absence of the server no host has been heard of: what is known is better than nothing.
    if (nodes.length > 0 && !nodes.some(node => conditionStatus(node, 'Ready') === 'True')) return
    const addresses = [...new Set(nodes.filter(isServing).flatMap(addressesOf))].sort()
    for (const ingress of ingresses) await this.#write(ingress, addresses)
  }

  #tellProblems(ingresses: readonly Ingress[]): void {
    const told = new Set<string>()
    for (const { ingress, reason, message } of [
      ...routeTable(ingresses).problems,
      ...tlsClaims(ingresses).problems,
    ]) {
      const key = `${objectKey(ingress)} ${message}`
      if (!this.#told.has(key) && !told.has(key)) this.#events.record(ingress, 'Warning', reason, message)
      told.add(key)
    }
    this.#told = told
  }

  async #write(ingress: Ingress, addresses: readonly string[]): Promise<void> {
    const before = (ingress.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '')
    if (deepEqual(before, addresses)) return
    const { name = '', namespace = '' } = ingress.metadata
    const body = { status: { loadBalancer: { ingress: addresses.map(ip => ({ ip })) } } }
    try {
      await this.#client.patch(
        Kinds.Ingress,
        name,
        { type: 'merge', body },
        { namespace, subresource: 'status' },
      )
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

function isServing(node: Node): boolean {
  const serves =
    conditionStatus(node, INGRESS_CONDITION) === 'True' && conditionStatus(node, 'Ready') === 'True'
  return serves && !node.spec?.unschedulable
}

/** Where the world reaches the host, if that is elsewhere than where its neighbours do. */
function addressesOf({ status }: Node): readonly string[] {
  const of = (wanted: string) =>
    (status?.addresses ?? []).filter(({ type }) => type === wanted).map(({ address }) => address)
  const outside = of('ExternalIP')
  return outside.length > 0 ? outside : of('InternalIP')
}

function hostFacts(node: Node): readonly unknown[] {
  return [isServing(node), conditionStatus(node, 'Ready'), addressesOf(node)]
}
