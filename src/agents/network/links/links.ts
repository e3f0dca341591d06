import { networkInterfaces } from 'node:os'
import { deepEqual, type Logger, parseSubnet, type Subnet } from '../../../base/index.ts'
import type { Client, Informer } from '../../../client/index.ts'
import { Kinds, type Node, nodeNetworkOf } from '../../../kube/index.ts'
import { hostAddresses, readInterfaces, readRoutes, runIp } from '../iproute/index.ts'
import { nodeHash, ROUTE_PROTOCOL } from '../pods/index.ts'
import { routeDifference, wantedRoutes } from './difference.ts'
import { chooseWays, type Peer, surroundings, wireguardAnnotations, wireguardOf } from './peers.ts'
import { Vxlan } from './vxlan.ts'
import { Wireguard } from './wireguard.ts'

export interface LinksOptions {
  /** Speaks as this node: it writes the public key on its Node. */
  readonly client: Client
  readonly nodes: Informer<Node>
  readonly clusterUid: string
  readonly nodeName: string
  /** Where the private key is kept. */
  readonly folder: string
  readonly log: Logger
}

/** Where this node's pods are. */
export interface LinksEnd {
  readonly range: string
  /** The first address of the range. */
  readonly hostAddress: string
}

export interface Links {
  /**
   * Makes the links to all other hosts as the Nodes are now: only what is missing is made, only what is stale and Bowline's own is
   * removed. Answers with how large packets of pods may be.
   */
  program(end: LinksEnd): Promise<{ readonly mtu: number }>
}

const DEFAULT_MTU = 1500

export function createLinks(options: LinksOptions): Links {
  return new HostLinks(options)
}

/** Removes every link of a node that another agent of its host does not keep. */
export async function removeLinks(owner: {
  readonly clusterUid: string
  readonly nodeName: string
}): Promise<void> {
  const devices = deviceNames(owner)
  const { remove } = routeDifference(await readRoutes(ROUTE_PROTOCOL), [], undefined)
  await runIp(remove)
  for (const { name } of await readInterfaces())
    if (name === devices.wireguard || name === devices.vxlan) await runIp([`link delete ${name}`])
}

function deviceNames(owner: { readonly clusterUid: string; readonly nodeName: string }): {
  readonly wireguard: string
  readonly vxlan: string
} {
  const hash = nodeHash(owner)
  return { wireguard: `bowg-${hash}`, vxlan: `bovx-${hash}` }
}

class HostLinks implements Links {
  readonly #options: LinksOptions
  readonly #wireguard: Wireguard
  readonly #vxlan: Vxlan
  #told = ''

  constructor(options: LinksOptions) {
    const { clusterUid, folder, log } = options
    this.#options = options
    const { wireguard, vxlan } = deviceNames(options)
    this.#wireguard = new Wireguard({ device: wireguard, folder, log })
    this.#vxlan = new Vxlan({ device: vxlan, clusterUid })
  }

  async program({ range, hostAddress }: LinksEnd): Promise<{ readonly mtu: number }> {
    const { nodes, nodeName } = this.#options
    const own = nodes.get(nodeName)
    const network = own && nodeNetworkOf(own)
    const mode = network?.links ?? 'auto'
    const { isLeader, peers } = surroundings(nodes.list(), nodeName)
    const ownAddress = own?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address
    const key = mode === 'auto' || mode === 'wireguard' ? await this.#wireguard.key() : undefined
    if (own !== undefined) await this.#announce(own, key)
    const interfaces = await readInterfaces()
    const outer = outerMtu(ownAddress, interfaces)
    // Another agent of this host makes its links.
    if (own === undefined || ownAddress === undefined || !isLeader) return { mtu: outer }
    const ways = chooseWays(peers, mode, { ownLinks: linksOfHost(), hasWireguard: key !== undefined })
    this.#tell(ways)
    if (ways.wireguard.length > 0)
      await this.#wireguard.program(ways.wireguard, { hostAddress, mtu: outer - 80 })
    if (ways.vxlan.length > 0)
      await this.#vxlan.program(ways.vxlan, { hostAddress, local: ownAddress, mtu: outer - 50, interfaces })
    const wanted = wantedRoutes(
      ways,
      { wireguard: this.#wireguard.device, vxlan: this.#vxlan.device },
      hostAddress,
    )
    const cluster = network && parseSubnet(network.podCidr)
    const { add, remove } = routeDifference(await readRoutes(ROUTE_PROTOCOL), wanted, cluster)
    await runIp([...add, ...remove])
    if (add.length + remove.length > 0)
      this.#options.log.info('routes to other hosts changed', {
        made: add.length,
        removed: remove.length,
        range,
      })
    // Last: what led through them leads elsewhere by now.
    if (ways.wireguard.length === 0) await this.#wireguard.remove(interfaces)
    if (ways.vxlan.length === 0) await this.#vxlan.remove(interfaces)
    const overhead = ways.wireguard.length > 0 ? 80 : ways.vxlan.length > 0 ? 50 : 0
    return { mtu: outer - overhead }
  }

  /** Peers learn the public key, or that there is none, from this host's Node. */
  async #announce(
    own: Node,
    key: { readonly publicKey: string; readonly port: number } | undefined,
  ): Promise<void> {
    const { client, nodeName, log } = this.#options
    if (
      deepEqual(wireguardOf(own), key === undefined ? 'none' : { publicKey: key.publicKey, port: key.port })
    )
      return
    const body = { metadata: { annotations: wireguardAnnotations(key) } }
    await client.patch(Kinds.Node, nodeName, { type: 'merge', body })
    log.info('told the other hosts about WireGuard on this one', { port: key?.port ?? 'none' })
  }

  #tell(ways: { readonly [Way in 'routes' | 'wireguard' | 'vxlan' | 'unreachable']: readonly Peer[] }): void {
    const counts = Object.entries(ways).map(([way, peers]) => [
      way,
      peers.map(({ address }) => address).join(' '),
    ])
    const told = JSON.stringify(counts)
    if (told === this.#told) return
    this.#told = told
    const fields = Object.fromEntries(counts.filter(([, addresses]) => addresses !== ''))
    if (ways.unreachable.length > 0)
      this.#options.log.warn('some hosts are not reached by the chosen way', fields)
    else this.#options.log.info('this is how other hosts are reached', fields)
  }
}

/** The networks that this host is on itself. */
function linksOfHost(): readonly Subnet[] {
  // A point-to-point address says nothing about who is near.
  return hostAddresses().flatMap(({ link }) => (link.prefix > 30 ? [] : [link]))
}

/** How large the packets of the interface are that has this address. */
function outerMtu(
  address: string | undefined,
  interfaces: readonly { readonly name: string; readonly mtu: number }[],
): number {
  const [name] =
    Object.entries(networkInterfaces()).find(([, addresses]) =>
      addresses?.some(one => one.address === address),
    ) ?? []
  return interfaces.find(one => one.name === name)?.mtu ?? DEFAULT_MTU
}
