import { pid as ownPid } from 'node:process'
import { formatIpv4 } from '../../../base/index.ts'

/** The origin of every route that Bowline makes (`ip route … proto`), by which it knows its own again. */
export const ROUTE_PROTOCOL = 117

/** Every pod's next hop: no interface has it, each pod knows its hardware address. */
const NEXT_HOP = '169.254.1.1'
/** The same on the host's end of every pair: each is a link of its own. */
const HOST_HARDWARE = 'ee:ee:ee:ee:ee:ee'

/**
 * The name of the host's end of a pod's interface. The kernel lets a name exist once, so making it is what takes the address, and
 * it ends with the pod's namespace: no file and no lock can go stale.
 */
export function interfaceName(address: number): string {
  return `bw${address.toString(16).padStart(8, '0')}`
}

/** The address that an interface is named after; undefined for others' interfaces. */
export function addressOf(interfaceName: string): number | undefined {
  const [, digits] = /^bw([0-9a-f]{8})$/.exec(interfaceName) ?? []
  return digits === undefined ? undefined : Number.parseInt(digits, 16)
}

/** Set last: an interface with it is a complete one. */
export function aliasOf(sandboxId: string): string {
  return `bowline:${sandboxId}`
}

export function sandboxOf(alias: string): string | undefined {
  return /^bowline:([0-9a-f]{64})$/.exec(alias)?.[1]
}

/** The `ip` commands that run in the pod's namespace. They make both ends; the host's appears where this process is. */
export function podCommands(address: number, mtu: number): readonly string[] {
  const own = formatIpv4(address)
  return [
    `link add eth0 mtu ${mtu} address ${hardwareAddress(address)} type veth peer name ${interfaceName(address)} mtu ${mtu} address ${HOST_HARDWARE} netns ${ownPid}`,
    `address add ${own}/32 dev eth0`,
    'link set lo up',
    'link set eth0 up',
    `neighbor add ${NEXT_HOP} lladdr ${HOST_HARDWARE} dev eth0 nud permanent`,
    `route add default via ${NEXT_HOP} dev eth0 onlink`,
  ]
}

/** The host's half: its end answers for nobody and knows its only neighbour. `host` is the source of what the host itself sends. */
export function hostCommands(address: number, host: number, sandboxId: string): readonly string[] {
  const name = interfaceName(address)
  return [
    `link set ${name} addrgenmode none up`,
    ...routeCommands(address, host),
    `link set ${name} alias ${aliasOf(sandboxId)}`,
  ]
}

/** What leads to a pod on its host. Safe to repeat. */
export function routeCommands(address: number, host: number): readonly string[] {
  const name = interfaceName(address)
  const own = formatIpv4(address)
  return [
    `neighbor replace ${own} lladdr ${hardwareAddress(address)} dev ${name} nud permanent`,
    `route replace ${own}/32 dev ${name} proto ${ROUTE_PROTOCOL} src ${formatIpv4(host)}`,
  ]
}

/** As Docker makes them: locally administered, from the address. */
function hardwareAddress(address: number): string {
  const bytes = [24, 16, 8, 0].map(shift => (Math.floor(address / 2 ** shift) % 256).toString(16))
  return ['02', '42', ...bytes.map(byte => byte.padStart(2, '0'))].join(':')
}
