import { readFile } from 'node:fs/promises'
import { parseIpv4 } from '../../../base/index.ts'
import { runProgram } from './run.ts'

export interface Interface {
  readonly name: string
  /** `veth`, `bridge`, `vxlan`, `wireguard`, `tun`; empty for a machine's own. */
  readonly kind: string
  readonly mtu: number
  readonly isUp: boolean
  /** The hardware address; empty where there is none. */
  readonly hardware: string
  readonly alias: string
  /** What is special about a VXLAN. */
  readonly vxlan: { readonly id: number; readonly local: string; readonly port: number } | undefined
}

/** An IPv4 route of the main table. */
export interface Route {
  /** `10.42.1.0/24`; a single address without a prefix. */
  readonly to: string
  readonly type: string
  readonly via: string | undefined
  readonly device: string | undefined
  readonly source: string | undefined
}

export interface Neighbour {
  readonly address: string
  readonly hardware: string
}

/** Where a VXLAN sends frames for a hardware address. */
export interface FdbEntry {
  readonly hardware: string
  readonly to: string
}

export async function readInterfaces(): Promise<readonly Interface[]> {
  const found = parse<InterfaceAnswer>(await runProgram('ip', ['-j', '-d', 'link', 'show']))
  return found.map(({ ifname, mtu, flags, address, ifalias, linkinfo }) => ({
    name: ifname,
    kind: linkinfo?.info_kind ?? '',
    mtu,
    isUp: flags.includes('UP'),
    hardware: address ?? '',
    alias: ifalias ?? '',
    vxlan:
      linkinfo?.info_kind === 'vxlan'
        ? {
            id: linkinfo.info_data?.id ?? 0,
            local: linkinfo.info_data?.local ?? '',
            port: linkinfo.info_data?.port ?? 0,
          }
        : undefined,
  }))
}

/** The routes of one origin (`ip route … proto N`). */
export async function readRoutes(protocol: number): Promise<readonly Route[]> {
  const args = ['-j', '-4', 'route', 'show', 'table', 'main', 'proto', String(protocol)]
  return parse<RouteAnswer>(await runProgram('ip', args)).map(({ dst, type, gateway, dev, prefsrc }) => ({
    to: dst,
    type: type ?? 'unicast',
    via: gateway,
    device: dev,
    source: prefsrc,
  }))
}

/** The permanent neighbours of an interface. */
export async function readNeighbours(device: string): Promise<readonly Neighbour[]> {
  const args = ['-j', '-4', 'neighbor', 'show', 'dev', device, 'nud', 'permanent']
  return parse<NeighbourAnswer>(await runProgram('ip', args)).map(({ dst, lladdr }) => ({
    address: dst,
    hardware: lladdr ?? '',
  }))
}

export async function readFdb(device: string): Promise<readonly FdbEntry[]> {
  const found = parse<FdbAnswer>(await runProgram('bridge', ['-j', 'fdb', 'show', 'dev', device]))
  return found.flatMap(({ mac, dst }) => (dst === undefined ? [] : [{ hardware: mac, to: dst }]))
}

/** The routes to single addresses and their interfaces; read without starting a program. */
export async function readHostRoutes(): Promise<ReadonlyMap<number, string>> {
  const routes = new Map<number, string>()
  for (const line of (await readFile('/proc/net/route', 'utf8')).split('\n').slice(1)) {
    const [device, destination = '', , , , , , mask] = line.trim().split(/\s+/)
    if (device === undefined || mask !== 'FFFFFFFF') continue
    const bytes = destination.match(/../g)?.reverse() ?? []
    const address = parseIpv4(bytes.map(byte => Number.parseInt(byte, 16)).join('.'))
    if (address !== undefined) routes.set(address, device)
  }
  return routes
}

interface InterfaceAnswer {
  readonly ifname: string
  readonly mtu: number
  readonly flags: readonly string[]
  readonly address?: string
  readonly ifalias?: string
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_data?: { readonly id?: number; readonly local?: string; readonly port?: number }
  }
}

interface RouteAnswer {
  readonly dst: string
  readonly type?: string
  readonly gateway?: string
  readonly dev?: string
  readonly prefsrc?: string
}

interface NeighbourAnswer {
  readonly dst: string
  readonly lladdr?: string
}

interface FdbAnswer {
  readonly mac: string
  readonly dst?: string
}

/** Nothing found is no text at all. */
function parse<T>(text: string): readonly T[] {
  return text.trim() === '' ? [] : (JSON.parse(text) as T[])
}
