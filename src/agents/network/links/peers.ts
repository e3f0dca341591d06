import { containsAddress, parseIpv4, parseSubnet, type Subnet } from '../../../base/index.ts'
import type { LinkMode, Node } from '../../../kube/index.ts'

/** Another host of the cluster. Several nodes may share one: what reaches the host reaches all of them. */
export interface Peer {
  /** Its address on the network of hosts. */
  readonly address: string
  /** The pods of its nodes. */
  readonly ranges: readonly string[]
  /** The first address of the first range, by which a VXLAN knows it. */
  readonly gateway: string
  /** What its agent says of WireGuard: `none` where it has none, undefined while it has not said. */
  readonly wireguard: WireguardEnd | 'none' | undefined
}

export interface WireguardEnd {
  readonly publicKey: string
  readonly port: number
}

/** This host among the others. */
export interface Surroundings {
  /** Only one agent of a host programs its links: the one of the node that comes first by name. */
  readonly isLeader: boolean
  readonly peers: readonly Peer[]
}

/** By which way each peer is reached. */
export interface Ways {
  readonly routes: readonly Peer[]
  readonly wireguard: readonly Peer[]
  readonly vxlan: readonly Peer[]
  /** Peers that the chosen way does not reach. */
  readonly unreachable: readonly Peer[]
  /** Peers that have just come and have not said yet whether they have WireGuard. */
  readonly awaited: readonly Peer[]
}

const PUBLIC_KEY = 'network.bowline.dev/wireguard-public-key'
const PORT = 'network.bowline.dev/wireguard-port'
const NONE = 'none'

/** What an agent writes on its Node for its peers. */
export function wireguardAnnotations(end: WireguardEnd | undefined): Readonly<Record<string, string>> {
  return { [PUBLIC_KEY]: end?.publicKey ?? NONE, [PORT]: String(end?.port ?? 0) }
}

/** What an agent wrote; undefined while it has not, or when it makes no sense. */
export function wireguardOf({ metadata }: Node): WireguardEnd | 'none' | undefined {
  const { [PUBLIC_KEY]: publicKey = '', [PORT]: port = '' } = metadata.annotations ?? {}
  if (publicKey === NONE) return NONE
  if (!/^[A-Za-z0-9+/]{43}=$/.test(publicKey) || !/^[1-9]\d{0,4}$/.test(port)) return undefined
  return { publicKey, port: Number(port) }
}

/** The other hosts, by address, in a fixed order. Nodes without an address or a range are not there yet. */
export function surroundings(nodes: readonly Node[], nodeName: string): Surroundings {
  const own = nodes.find(({ metadata }) => metadata.name === nodeName)
  const ownAddress = own && addressOf(own)
  const hosts = new Map<string, Node[]>()
  for (const node of nodes.toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))) {
    const address = addressOf(node)
    if (address === undefined || parseSubnet(node.spec?.podCIDR ?? '') === undefined) continue
    const host = hosts.get(address)
    if (host === undefined) hosts.set(address, [node])
    else host.push(node)
  }
  const isLeader = ownAddress !== undefined && hosts.get(ownAddress)?.[0]?.metadata.name === nodeName
  const peers = [...hosts].flatMap(([address, members]) =>
    address === ownAddress ? [] : peerOf(address, members),
  )
  return { isLeader, peers }
}

/** Splits the peers by way. `ownLinks` are the networks that this host is on itself. */
export function chooseWays(
  peers: readonly Peer[],
  mode: LinkMode,
  { ownLinks, hasWireguard }: { readonly ownLinks: readonly Subnet[]; readonly hasWireguard: boolean },
): Ways {
  const ways: { [Way in keyof Ways]: Peer[] } = {
    routes: [],
    wireguard: [],
    vxlan: [],
    unreachable: [],
    awaited: [],
  }
  for (const peer of peers) {
    const address = parseIpv4(peer.address) ?? 0
    const isNear = ownLinks.some(link => containsAddress(link, address))
    // Both ends come to the same answer: each knows what the other has.
    const canEncrypt = hasWireguard && peer.wireguard !== undefined && peer.wireguard !== NONE
    const hasSaid = peer.wireguard !== undefined
    if (mode === 'vxlan') ways.vxlan.push(peer)
    else if (mode === 'wireguard')
      (canEncrypt ? ways.wireguard : hasSaid ? ways.unreachable : ways.awaited).push(peer)
    else if (isNear) ways.routes.push(peer)
    // Where only routes are wanted, the network in between is meant to know the ranges.
    else if (mode === 'routes') ways.unreachable.push(peer)
    else (canEncrypt ? ways.wireguard : hasSaid ? ways.vxlan : ways.awaited).push(peer)
  }
  return ways
}

/** The nodes that are this host: this one, and others that have its address. */
export function neighboursOnHost(nodes: readonly Node[], nodeName: string): ReadonlySet<string> {
  const own = nodes.find(({ metadata }) => metadata.name === nodeName)
  const address = own && addressOf(own)
  const same = nodes.filter(node => address !== undefined && addressOf(node) === address)
  return new Set([nodeName, ...same.map(({ metadata }) => metadata.name ?? '')])
}

function peerOf(address: string, members: readonly Node[]): readonly Peer[] {
  const [leader] = members
  const [range = ''] = members.map(({ spec }) => spec?.podCIDR ?? '')
  return [
    {
      address,
      ranges: members.map(({ spec }) => spec?.podCIDR ?? ''),
      gateway: range.replace(/\d+\/\d+$/, last => String(Number(last.split('/')[0]) + 1)),
      wireguard: leader && wireguardOf(leader),
    },
  ]
}

function addressOf({ status }: Node): string | undefined {
  const address = status?.addresses?.find(
    ({ type, address }) => type === 'InternalIP' && parseIpv4(address) !== undefined,
  )
  return address?.address
}
