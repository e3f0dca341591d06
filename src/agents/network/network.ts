import { type Clock, type Ids, jittered, type Logger, messageOf } from '../../base/index.ts'
import type { Client, Informer, Informers } from '../../client/index.ts'
import { Kinds, type Node, type NodeNetwork, nodeNetworkOf, type Pod } from '../../kube/index.ts'
import type { PortMapping } from '../runtime/index.ts'
import type { HostResolvers } from './dns/index.ts'
import { HostRanges } from './host-ranges.ts'
import { createLinks, type Links, neighboursOnHost } from './links/index.ts'
import { NameService } from './name-service.ts'
import type { RoutedPods } from './pods/index.ts'
import { ProxiedNetwork } from './proxied-network.ts'
import { Routing } from './routing.ts'

export interface NetworkOptions {
  /** Speaks as this node. */
  readonly client: Client
  /** Watches what the parts follow; its owner starts it. */
  readonly informers: Pick<Informers, 'of'>
  /** The pods of this node; its owner starts it. */
  readonly ownPods: Informer<Pod>
  /** Undefined where the agent may not change the host's network. */
  readonly pods: RoutedPods | undefined
  readonly runtimeName: string
  /** The ports of ingresses on this host. */
  readonly ingressPorts: readonly number[]
  readonly hostResolvers: HostResolvers
  readonly clusterUid: string
  readonly nodeName: string
  /** Another cluster uses these addresses of this host, too. */
  readonly onClash: (ranges: readonly string[]) => void
  /** What has to outlive the agent's process is kept there. */
  readonly folder: string
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** The names of the cluster as pods of this node ask for them. */
export interface ClusterNames {
  readonly domain: string
  /** Where the node's DNS server answers pods; undefined while it does not listen, and where pods are on another host. */
  readonly dnsAddress: string | undefined
}

export interface Network {
  /** Why no pod of this node can have a network; undefined when they can. */
  readonly problem: string | undefined
  /** What pods that start now are told. Waits for the DNS server, never for long. Undefined until the server has said the names. */
  names(): Promise<ClusterNames | undefined>
  /** Calls `listener` whenever the answer of `problem` has changed. */
  onChange(listener: () => void): void
  /** Where pods of this node reach the address of a service. */
  serviceAddress(clusterIP: string): string
  /** A pod has this address and is about to run. Resolves when the host is ready for that: what isolates it is in force. */
  admit(pod: Pod, address: string): Promise<void>
  /** Why a pod cannot have a port of the host; undefined when it can, or when who makes it will say so. */
  portProblem(port: PortMapping): Promise<string | undefined>
  /** The pod has given its address back. */
  forget(uid: string): void
  /** Keeps the host's network equal to the cluster's objects until the signal aborts; what was made stays. */
  run(signal: AbortSignal): Promise<void>
}

/** What others change on the host (a restarted firewall, flushed routes) is put right within so long. */
const LOOK_EVERY_MS = 30_000
const RETRY_MS = 1_000

/** The network of a node, in parts that each follow what they need. */
export function createNetwork({ runtimeName, ...options }: NetworkOptions): Network {
  if (options.pods !== undefined) return new HostNetwork(options, options.pods)
  if (runtimeName === 'hollow') return new NoNetwork()
  return new ProxiedNetwork({ ...options, podsAreProcesses: runtimeName === 'process' })
}

/** Of a node whose pods do nothing. */
class NoNetwork implements Network {
  readonly problem: undefined
  async names(): Promise<undefined> {}
  onChange(): void {}
  serviceAddress(clusterIP: string): string {
    return clusterIP
  }
  async portProblem(): Promise<undefined> {}
  async admit(): Promise<void> {}
  forget(): void {}
  async run(): Promise<void> {}
}

type HostNetworkOptions = Omit<NetworkOptions, 'runtimeName'>

class HostNetwork implements Network {
  readonly #options: HostNetworkOptions
  readonly #pods: RoutedPods
  readonly #nodes: Informer<Node>
  readonly #links: Links
  readonly #routing: Routing
  readonly #nameService: NameService
  readonly #hostRanges: HostRanges
  #listener: () => void = () => {}
  #failure: string | undefined
  #linkFailure: string | undefined
  #wake: (() => void) | undefined
  #isDirty = true

  constructor(options: HostNetworkOptions, pods: RoutedPods) {
    this.#options = options
    this.#pods = pods
    this.#nodes = options.informers.of(Kinds.Node)
    this.#links = createLinks({ ...options, nodes: this.#nodes })
    this.#routing = new Routing(options)
    this.#hostRanges = new HostRanges(options)
    // An engine may have wired some of them, on a network of its own.
    this.#nameService = new NameService({
      ...options,
      isClient: address => this.#routing.isLocalPod(address),
    })
  }

  get problem(): string | undefined {
    if (this.#failure !== undefined) return this.#failure
    return this.#pods.range === undefined
      ? 'the server has not given this node a range of addresses for its pods yet'
      : undefined
  }

  async names(): Promise<ClusterNames | undefined> {
    if (this.#network === undefined) return undefined
    const dnsAddress = this.#pods.isReached ? await this.#nameService.address() : undefined
    return { domain: this.#network.clusterDomain, dnsAddress }
  }

  onChange(listener: () => void): void {
    this.#listener = listener
  }

  serviceAddress(clusterIP: string): string {
    return clusterIP
  }

  admit(pod: Pod, address: string): Promise<void> {
    return this.#routing.admit(pod, address)
  }

  async portProblem({ hostPort, hostIp, protocol }: PortMapping): Promise<string | undefined> {
    const address = hostIp === '0.0.0.0' ? undefined : hostIp
    const holder = await this.#routing.holderOf({ protocol, port: hostPort, address })
    return holder && `port ${hostPort}/${protocol} of this host is in use by a program of the host`
  }

  forget(uid: string): void {
    this.#routing.forget(uid)
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#follow(signal), this.#routing.run(signal), this.#nameService.run(signal)])
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { clock, ids } = this.#options
    const unsubscribe = this.#nodes.subscribe({
      added: () => this.#nudge(),
      updated: (node, before) => {
        if (isNews(node, before)) this.#nudge()
      },
      deleted: () => this.#nudge(),
    })
    while (!signal.aborted) {
      this.#isDirty = false
      const hasRange = await this.#takeRange()
      // Pods that start wait for names, and none of them for a link.
      this.#place()
      const isDone = hasRange && (await this.#link())
      await this.#pause(jittered(isDone ? LOOK_EVERY_MS : RETRY_MS, 0.1, ids.random()), clock, signal)
    }
    unsubscribe()
    this.#hostRanges.close()
  }

  get #network(): NodeNetwork | undefined {
    const own = this.#nodes.get(this.#options.nodeName)
    return own && nodeNetworkOf(own)
  }

  /** What pods cannot start without. */
  async #takeRange(): Promise<boolean> {
    const before = this.problem
    try {
      const range = this.#nodes.get(this.#options.nodeName)?.spec?.podCIDR ?? this.#pods.range
      if (range !== undefined) await this.#pods.setRange(range)
      this.#failure = undefined
    } catch (error) {
      const failure = messageOf(error)
      if (failure !== this.#failure)
        this.#options.log.warn('pods of this host can have no network', { error: failure })
      this.#failure = failure
    }
    if (this.problem !== before) this.#listener()
    return this.#failure === undefined
  }

  /** The ways to other hosts. One that cannot be made is tried again and keeps no pod from starting. */
  async #link(): Promise<boolean> {
    const { range, hostAddress } = this.#pods
    // Before all Nodes are known, what an earlier agent made stays as it is.
    if (!this.#nodes.hasSynced || range === undefined || hostAddress === undefined) return true
    try {
      this.#pods.setMtu((await this.#links.program({ range, hostAddress })).mtu)
      this.#linkFailure = undefined
      return true
    } catch (error) {
      const failure = messageOf(error)
      if (failure !== this.#linkFailure)
        this.#options.log.warn('a link to another host could not be made', { error: failure })
      this.#linkFailure = failure
      return false
    }
  }

  /** Tells the other parts where this node stands. */
  #place(): void {
    const { range, hostAddress } = this.#pods
    const network = this.#network
    if (range === undefined || hostAddress === undefined || network === undefined) return
    const localNodes = neighboursOnHost(this.#nodes.list(), this.#options.nodeName)
    const { podCidr: clusterCidr, serviceCidr } = network
    void this.#hostRanges.claim([clusterCidr, serviceCidr])
    this.#routing.setPlace({ podCidr: range, clusterCidr, serviceCidr, localNodes })
    this.#nameService.setPlace({ address: hostAddress, clients: [range], network })
  }

  #nudge(): void {
    this.#isDirty = true
    this.#wake?.()
  }

  async #pause(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.#isDirty) return
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await clock.sleep(ms, AbortSignal.any([signal, woken.signal])).catch(() => {})
    this.#wake = undefined
  }
}

/** Heartbeats are no news to the network. */
function isNews(node: Node, before: Node): boolean {
  return node.metadata.uid !== before.metadata.uid || factsOf(node) !== factsOf(before)
}

function factsOf({ metadata, spec, status }: Node): string {
  return JSON.stringify([spec?.podCIDR, status?.addresses, metadata.annotations])
}
