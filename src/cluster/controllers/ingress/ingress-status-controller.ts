import { deepEqual, type Service as Part } from '../../../base/index.ts'
import { type Client, type Informer, ifFound } from '../../../client/index.ts'
import {
  INGRESS_CONDITION,
  type Ingress,
  type IngressClass,
  Kinds,
  type Node,
  objectKey,
  routeTable,
  servedIngresses,
  tlsClaims,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, whenChanged } from '../control-loop.ts'
import { isExcludedFromTraffic } from '../load-balancer/excluded-node.ts'
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
  readonly #loop: ControlLoop
  readonly #ingresses: Informer<Ingress>
  readonly #classes: Informer<IngressClass>
  readonly #nodes: Informer<Node>
  /** The problems that an event was written about, as they last. */
  #told: ReadonlySet<string> = new Set()

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: () => this.#reconcile(), workers: 1 })
    const look = () => this.#loop.add(ALL)
    this.#ingresses = this.#loop.follow(Kinds.Ingress, look)
    this.#classes = this.#loop.follow(Kinds.IngressClass, look)
    this.#nodes = this.#loop.follow(Kinds.Node, whenChanged(hostFacts, look))
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
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
      if (!this.#told.has(key) && !told.has(key))
        this.#loop.events.record(ingress, 'Warning', reason, message)
      told.add(key)
    }
    this.#told = told
  }

  async #write(ingress: Ingress, addresses: readonly string[]): Promise<void> {
    const before = (ingress.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '')
    if (deepEqual(before, addresses)) return
    const { name = '', namespace = '' } = ingress.metadata
    const body = { status: { loadBalancer: { ingress: addresses.map(ip => ({ ip })) } } }
    await ifFound(
      this.#client.patch(Kinds.Ingress, name, { type: 'merge', body }, { namespace, subresource: 'status' }),
    )
  }
}

function isServing(node: Node): boolean {
  const serves =
    conditionStatus(node, INGRESS_CONDITION) === 'True' && conditionStatus(node, 'Ready') === 'True'
  return serves && !isExcludedFromTraffic(node)
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
