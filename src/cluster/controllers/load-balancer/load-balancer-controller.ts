import { deepEqual, type Service as Part } from '../../../base/index.ts'
import { type Client, type IndexFunction, type Informer, ifFound } from '../../../client/index.ts'
import {
  type EndpointSlice,
  Kinds,
  type LoadBalancerIngress,
  type Node,
  objectKey,
  type Service,
} from '../../../kube/index.ts'
import { ControlLoop, type ControllerContext, whenChanged } from '../control-loop.ts'
import { serviceKeyOf } from '../endpoints/slice-metadata.ts'
import { conditionStatus } from '../node-lifecycle/node-taints.ts'
import {
  assignHosts,
  type HostAssignment,
  isAnyReady,
  isServedByHosts,
  type PortConflict,
} from './assign-hosts.ts'

const NAME = 'load-balancer-controller'
/** Services compete for ports, so all are looked at together, under one key. */
const ALL = 'all'
/** The index of slices by the service that they are of. */
const SERVICE_INDEX = 'service'

/** Tells each service of type LoadBalancer by which addresses of hosts it is reached, as k3s' ServiceLB does. */
export class LoadBalancerController implements Part {
  readonly #client: Client
  readonly #loop: ControlLoop
  readonly #services: Informer<Service>
  readonly #nodes: Informer<Node>
  readonly #slices: Informer<EndpointSlice>
  /** The conflicts of each service that an event was written about. */
  readonly #told = new Map<string, readonly PortConflict[]>()

  constructor(context: ControllerContext) {
    this.#client = context.client
    this.#loop = new ControlLoop(context, { name: NAME, reconcile: () => this.#reconcile(), workers: 1 })
    const look = () => this.#loop.add(ALL)
    const serviceSeen = (service: Service) => {
      if (isServedByHosts(service) || ingressOf(service).length > 0) look()
    }
    this.#services = this.#loop.follow(Kinds.Service, {
      added: serviceSeen,
      updated: (service, previous) => {
        serviceSeen(previous)
        serviceSeen(service)
      },
      deleted: serviceSeen,
    })
    this.#nodes = this.#loop.follow(Kinds.Node, whenChanged(hostFacts, look))
    this.#slices = this.#loop.follow(Kinds.EndpointSlice, slice => this.#sliceSeen(slice), {
      [SERVICE_INDEX]: byService,
    })
  }

  start(signal: AbortSignal): Promise<void> {
    return this.#loop.start(signal)
  }

  /** Where the pods are matters only to a service that stays on their hosts. */
  #sliceSeen(slice: EndpointSlice): void {
    const service = this.#services.get(serviceKeyOf(slice) ?? '')
    if (service?.spec?.externalTrafficPolicy === 'Local' && isServedByHosts(service)) this.#loop.add(ALL)
  }

  async #reconcile(): Promise<void> {
    const services = this.#services.list()
    for (const service of services)
      if (service.spec?.type !== 'LoadBalancer' && ingressOf(service).length > 0)
        await this.#write(service, [])
    const nodes = this.#nodes.list()
    // After a long absence of the server no host has been heard of: what is known is better than nothing.
    if (nodes.length > 0 && !isAnyReady(nodes)) return
    const assignments = assignHosts({ services, nodes, localNodesOf: service => this.#localNodes(service) })
    for (const assignment of assignments) await this.#settle(assignment)
    const keys = new Set(assignments.map(({ service }) => objectKey(service)))
    for (const key of this.#told.keys()) if (!keys.has(key)) this.#told.delete(key)
  }

  async #settle({ service, addresses, conflicts }: HostAssignment): Promise<void> {
    const key = objectKey(service)
    if (!deepEqual(conflicts, this.#told.get(key) ?? [])) {
      this.#told.set(key, conflicts)
      for (const { port, holder, nodes } of byPort(conflicts))
        this.#loop.events.record(
          service,
          'Warning',
          'PortConflict',
          `Cannot serve port ${port} on ${nodes.join(', ')}: service ${holder} has it there`,
        )
    }
    const before = ingressOf(service).map(({ ip }) => ip ?? '')
    if (deepEqual(before, addresses)) return
    await this.#write(service, addresses)
    this.#loop.events.record(
      service,
      'Normal',
      'UpdatedLoadBalancer',
      `Updated LoadBalancer with new IPs: [${before.join(' ')}] -> [${addresses.join(' ')}]`,
    )
  }

  async #write(service: Service, addresses: readonly string[]): Promise<void> {
    const ingress = addresses.map((ip): LoadBalancerIngress => ({ ip, ipMode: 'VIP' }))
    const loadBalancer = ingress.length === 0 ? {} : { ingress }
    await ifFound(
      this.#client.update(
        Kinds.Service,
        { ...service, status: { ...service.status, loadBalancer } },
        { subresource: 'status' },
      ),
    )
  }

  #localNodes(service: Service): ReadonlySet<string> {
    const endpoints = this.#slices
      .byIndex(SERVICE_INDEX, objectKey(service))
      .flatMap(slice => slice.endpoints)
    return new Set(
      endpoints.filter(({ conditions }) => conditions?.ready ?? true).map(({ nodeName = '' }) => nodeName),
    )
  }
}

function ingressOf({ status }: Service): readonly LoadBalancerIngress[] {
  return status?.loadBalancer?.ingress ?? []
}

const byService: IndexFunction<EndpointSlice> = slice => {
  const key = serviceKeyOf(slice)
  return key === undefined ? [] : [key]
}

/** One sentence per port and holder, however many hosts there are. */
function byPort(
  conflicts: readonly PortConflict[],
): readonly { readonly port: string; readonly holder: string; readonly nodes: string[] }[] {
  const found = new Map<
    string,
    { readonly port: string; readonly holder: string; readonly nodes: string[] }
  >()
  for (const { port, holder, node } of conflicts) {
    const known = found.get(`${port} ${holder}`) ?? { port, holder, nodes: [] }
    found.set(`${port} ${holder}`, known)
    known.nodes.push(node)
  }
  return [...found.values()]
}

/** What of a node decides whether and by which address it serves. */
function hostFacts(node: Node): unknown {
  const { metadata, status } = node
  return [metadata.labels ?? {}, conditionStatus(node, 'Ready') ?? '', status?.addresses ?? []]
}
