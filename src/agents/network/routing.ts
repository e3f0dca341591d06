import { type Clock, type Ids, isLoopback, type Logger, messageOf } from '../../base/index.ts'
import type { Informer, Informers } from '../../client/index.ts'
import { type Endpoint, Kinds, type Pod } from '../../kube/index.ts'
import { type HostListener, HostListeners } from './host-listeners.ts'
import { createNft, programRunner, removeTable } from './nft/index.ts'
import { nodeHash } from './pods/index.ts'
import { LocalPods } from './policy/index.ts'
import { ServiceProxy } from './proxy/index.ts'
import {
  createFlowForgetter,
  ensureHostPaths,
  type Place,
  removeHostPaths,
  ServiceRouter,
} from './services/index.ts'

export interface RoutingOptions {
  readonly informers: Pick<Informers, 'of'>
  readonly ownPods: Informer<Pod>
  readonly clusterUid: string
  readonly nodeName: string
  /** The ports of ingresses, which services and pods may take from them. */
  readonly ingressPorts: readonly number[]
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/**
 * Services, host ports and network policies of this node: what is in its table of nftables, and beside it a proxy that serves ports of
 * the host at 127.0.0.1. (To translate packets that come from there, the kernel must be told to route them, `route_localnet`, and then
 * lets neighbours on the link ask what listens there: CVE-2020-8558.) Where there can be no table the proxy serves what it can.
 */
export class Routing {
  readonly #log: Logger
  readonly #nft = createNft(programRunner())
  readonly #localPods: LocalPods
  readonly #listeners: HostListeners
  readonly #router: ServiceRouter
  readonly #proxy: ServiceProxy
  readonly #table: string
  /** False where there can be no table: nothing is waited for then. */
  #isRouting = true
  #place: Place | undefined

  constructor({ informers, ownPods, ingressPorts, clock, ids, log, ...owner }: RoutingOptions) {
    const run = programRunner()
    const table = tableName(owner)
    this.#log = log
    this.#table = table
    this.#localPods = new LocalPods({ pods: ownPods, policies: informers.of(Kinds.PolicyEndpoints) })
    this.#listeners = new HostListeners({ sharedPorts: ingressPorts, clock, log })
    const services = informers.of(Kinds.Service)
    const endpointSlices = informers.of(Kinds.EndpointSlice)
    this.#router = new ServiceRouter({
      services,
      endpointSlices,
      others: [this.#listeners, this.#localPods],
      table,
      nft: this.#nft,
      forgetFlows: createFlowForgetter(run, log),
      ensurePaths: place => ensureHostPaths(run, place, table),
      clock,
      log,
    })
    this.#proxy = new ServiceProxy({
      services,
      endpointSlices,
      pods: this.#localPods,
      ...{ clock, ids, log },
    })
  }

  setPlace(place: Place): void {
    this.#place = place
    this.#router.setPlace(place)
    this.#placeProxy()
  }

  /** Whether a pod of this node has this address. */
  isLocalPod(address: string): boolean {
    return this.#localPods.hasAddress(address)
  }

  async admit(pod: Pod, address: string): Promise<void> {
    if (this.#localPods.admit(pod, address) && this.#isRouting) await this.#router.settled()
  }

  forget(uid: string): void {
    this.#localPods.forget(uid)
  }

  /** A program of the host that a port of the host would be taken from. The proxy meets it by itself. */
  async holderOf(wanted: HostListener): Promise<HostListener | undefined> {
    return this.#isRouting ? this.#listeners.holderOf(wanted) : undefined
  }

  async run(signal: AbortSignal): Promise<void> {
    // Before anything is led anywhere.
    await this.#listeners.look()
    try {
      await this.#nft.has(this.#table)
    } catch (error) {
      this.#isRouting = false
      this.#log.warn(
        'pods of this host reach no services, and network policies do not work: install nftables',
        {
          error: messageOf(error),
        },
      )
      this.#placeProxy()
    }
    await Promise.all([
      this.#proxy.start(signal),
      this.#isRouting && this.#router.start(signal),
      this.#isRouting && this.#listeners.run(signal),
    ])
  }

  #placeProxy(): void {
    const localNodes = this.#place?.localNodes
    if (localNodes === undefined) return
    const scope = this.#isRouting ? 'loopback' : 'all'
    this.#proxy.setPlace({ scope, isLocalNode: node => localNodes.has(node), reaches: leadsToPods })
  }
}

/** Removes the table and what made room for it in the host's firewall. */
export async function removeRouting(owner: {
  readonly clusterUid: string
  readonly nodeName: string
}): Promise<void> {
  const run = programRunner()
  const table = tableName(owner)
  await removeHostPaths(run, table)
  await removeTable(createNft(run), table)
}

function tableName(owner: { readonly clusterUid: string; readonly nodeName: string }): string {
  return `bowline-${nodeHash(owner)}`
}

/** No pod here has a loopback address: one of an endpoint that somebody wrote would lead to processes of the host. */
function leadsToPods({ addresses }: Endpoint): boolean {
  return !addresses.some(isLoopback)
}
