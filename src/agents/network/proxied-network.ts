import { type Clock, formatIpv4, type Ids, isLoopback, type Logger, parseSubnet } from '../../base/index.ts'
import type { Informer, Informers } from '../../client/index.ts'
import { Kinds, type Node, nodeNetworkOf, type Pod } from '../../kube/index.ts'
import type { HostResolvers } from './dns/index.ts'
import { HostRanges } from './host-ranges.ts'
import { neighboursOnHost } from './links/index.ts'
import { NameService } from './name-service.ts'
import { LocalPods } from './policy/index.ts'
import { loopbackAddress, ServiceProxy } from './proxy/index.ts'

export interface ProxiedNetworkOptions {
  readonly informers: Pick<Informers, 'of'>
  readonly ownPods: Informer<Pod>
  readonly hostResolvers: HostResolvers
  readonly clusterUid: string
  readonly nodeName: string
  /** Another cluster uses these addresses of this host, too. */
  readonly onClash: (ranges: readonly string[]) => void
  /** True: pods are processes of this host. False: an engine wires them, and makes their ports of the host. */
  readonly podsAreProcesses: boolean
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** In the range of services: where clusters have their DNS server by custom. */
const DNS_NUMBER = 10

/**
 * The network of a node whose host must stay as it is. The agent serves services by listening itself: at their node ports, and for
 * processes of the host at loopback addresses. Of the cluster's pods only those of this host are reached.
 */
export class ProxiedNetwork {
  readonly problem: undefined
  readonly #options: ProxiedNetworkOptions
  readonly #nodes: Informer<Node>
  readonly #localPods: LocalPods | undefined
  readonly #proxy: ServiceProxy
  readonly #nameService: NameService | undefined
  readonly #hostRanges: HostRanges
  #known = ''

  constructor(options: ProxiedNetworkOptions) {
    const { informers, podsAreProcesses, clock, ids, log } = options
    this.#options = options
    this.#nodes = informers.of(Kinds.Node)
    this.#hostRanges = new HostRanges(options)
    if (podsAreProcesses) {
      const policies = informers.of(Kinds.PolicyEndpoints)
      this.#localPods = new LocalPods({ pods: options.ownPods, policies })
      this.#nameService = new NameService({ ...options, isShared: true, serviceAddress: loopbackAddress })
    }
    const services = informers.of(Kinds.Service)
    const endpointSlices = informers.of(Kinds.EndpointSlice)
    const parts = { services, endpointSlices, pods: this.#localPods, ...{ clock, ids, log } }
    this.#proxy = new ServiceProxy(parts)
  }

  /** Nobody's resolver is changed: processes have the host's, and an engine's pods do not reach this agent's server. */
  async names(): Promise<undefined> {}

  onChange(): void {}

  serviceAddress(clusterIP: string): string {
    return this.#options.podsAreProcesses ? loopbackAddress(clusterIP) : clusterIP
  }

  /** Whoever makes them meets who has them, and says so. */
  async portProblem(): Promise<undefined> {}

  async admit(pod: Pod, address: string): Promise<void> {
    this.#localPods?.admit(pod, address)
  }

  forget(uid: string): void {
    this.#localPods?.forget(uid)
  }

  async run(signal: AbortSignal): Promise<void> {
    const look = () => this.#look()
    this.#look()
    const unsubscribe = this.#nodes.subscribe({ added: look, updated: look, deleted: look })
    await Promise.all([this.#proxy.start(signal), this.#nameService?.run(signal)])
    unsubscribe()
    this.#hostRanges.close()
  }

  #look(): void {
    const localNodes = neighboursOnHost(this.#nodes.list(), this.#options.nodeName)
    const known = [...localNodes].sort().join()
    if (known !== this.#known)
      this.#proxy.setPlace({
        scope: 'all',
        isLocalNode: node => localNodes.has(node),
        // Only pods that are processes have loopback addresses: others there are processes of the host.
        reaches: ({ nodeName, addresses }) =>
          (nodeName === undefined || localNodes.has(nodeName)) &&
          (this.#options.podsAreProcesses || !addresses.some(isLoopback)),
      })
    this.#known = known
    this.#placeNames()
  }

  #placeNames(): void {
    const own = this.#nodes.get(this.#options.nodeName)
    const network = own && nodeNetworkOf(own)
    if (network === undefined) return
    const services = parseSubnet(network.serviceCidr)
    if (services === undefined || this.#nameService === undefined) return
    const { base, prefix } = services
    void this.#hostRanges.claim([`${loopbackAddress(formatIpv4(base))}/${prefix}`])
    const address = loopbackAddress(formatIpv4(base + DNS_NUMBER))
    this.#nameService.setPlace({ address, clients: [], network })
  }
}
