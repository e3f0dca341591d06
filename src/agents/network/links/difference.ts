import { overlaps, parseSubnet, type Subnet } from '../../../base/index.ts'
import type { FdbEntry, Neighbour, Route } from '../iproute/index.ts'
import { ROUTE_PROTOCOL } from '../pods/index.ts'
import type { Peer } from './peers.ts'

/** A route to the pods of a peer, as it should be. */
export interface WantedRoute {
  readonly to: string
  readonly via: string | undefined
  readonly device: string | undefined
  /** The source of what the host itself sends; undefined: the address that it has on that link. */
  readonly source: string | undefined
}

/** What leads to the peers, by way. `host` is the first address of this node's range. */
export function wantedRoutes(
  ways: {
    readonly routes: readonly Peer[]
    readonly wireguard: readonly Peer[]
    readonly vxlan: readonly Peer[]
  },
  devices: { readonly wireguard: string; readonly vxlan: string },
  host: string,
): readonly WantedRoute[] {
  return [
    ...each(ways.routes, (to, { address }) => ({ to, via: address, device: undefined, source: undefined })),
    ...each(ways.wireguard, to => ({ to, via: undefined, device: devices.wireguard, source: host })),
    ...each(ways.vxlan, (to, { gateway }) => ({ to, via: gateway, device: devices.vxlan, source: host })),
  ]
}

/**
 * The `ip` commands from the routes that are there to those that are wanted. Only routes of Bowline's origin inside `cluster`, the range
 * of the cluster's pods, are looked at (others are another cluster's, whose agents share this host; undefined: all of them), and of those
 * only what could lead to peers: pods of this host and refusals are others' business.
 */
export function routeDifference(
  actual: readonly Route[],
  wanted: readonly WantedRoute[],
  cluster: Subnet | undefined,
): { readonly add: readonly string[]; readonly remove: readonly string[] } {
  const own = actual.filter(route => isToPeer(route) && isWithin(route, cluster))
  const present = new Map(own.map(route => [route.to, route]))
  const add = wanted.filter(route => !isSame(present.get(route.to), route)).map(addCommand)
  const keep = new Set(wanted.map(({ to }) => to))
  const remove = [...present.keys()]
    .filter(to => !keep.has(to))
    .map(to => `route delete ${to} proto ${ROUTE_PROTOCOL}`)
  return { add, remove }
}

/** The commands of `ip` and `bridge` that make a VXLAN know exactly these peers. */
export function vxlanDifference(
  device: string,
  peers: readonly Peer[],
  actual: { readonly fdb: readonly FdbEntry[]; readonly neighbours: readonly Neighbour[] },
): { readonly ip: readonly string[]; readonly bridge: readonly string[] } {
  const wanted = new Map(
    peers.map(({ gateway, address }) => [gateway, { hardware: vtepHardware(gateway), address }]),
  )
  const ip: string[] = []
  const bridge: string[] = []
  for (const [gateway, { hardware, address }] of wanted) {
    if (!actual.neighbours.some(one => one.address === gateway && one.hardware === hardware))
      ip.push(`neighbor replace ${gateway} lladdr ${hardware} dev ${device} nud permanent`)
    if (!actual.fdb.some(one => one.hardware === hardware && one.to === address))
      bridge.push(`fdb replace ${hardware} dev ${device} dst ${address} self permanent`)
  }
  for (const { address } of actual.neighbours)
    if (!wanted.has(address)) ip.push(`neighbor delete ${address} dev ${device}`)
  for (const { hardware, to } of actual.fdb)
    if (![...wanted.values()].some(one => one.hardware === hardware))
      bridge.push(`fdb delete ${hardware} dev ${device} dst ${to} self`)
  return { ip, bridge }
}

/** The hardware address of a host's end of the VXLAN, which follows from its range: nobody has to be told. */
export function vtepHardware(gateway: string): string {
  return ['0a', '58', ...gateway.split('.').map(byte => Number(byte).toString(16).padStart(2, '0'))].join(':')
}

function each(peers: readonly Peer[], make: (to: string, peer: Peer) => WantedRoute): readonly WantedRoute[] {
  return peers.flatMap(peer => peer.ranges.map(range => make(range, peer)))
}

function isToPeer({ type, to }: Route): boolean {
  return type === 'unicast' && to.includes('/')
}

function isWithin({ to }: Route, cluster: Subnet | undefined): boolean {
  const range = parseSubnet(to)
  return cluster === undefined || (range !== undefined && overlaps(cluster, range))
}

function isSame(actual: Route | undefined, wanted: WantedRoute): boolean {
  if (actual === undefined) return false
  return (
    actual.via === wanted.via &&
    (wanted.device === undefined || actual.device === wanted.device) &&
    actual.source === wanted.source
  )
}

function addCommand({ to, via, device, source }: WantedRoute): string {
  return [
    `route replace ${to}`,
    ...(via === undefined ? [] : [`via ${via}`]),
    ...(device === undefined ? [] : [`dev ${device}`, ...(via === undefined ? [] : ['onlink'])]),
    ...(source === undefined ? [] : [`src ${source}`]),
    `proto ${ROUTE_PROTOCOL}`,
  ].join(' ')
}
