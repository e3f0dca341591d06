import { lookup } from 'node:dns/promises'
import type { NetworkInterfaceInfo } from 'node:os'
import { containsAddress, parseIpv4, parseSubnet, type Subnet } from './base/index.ts'

const LOOPBACK = parseSubnet('127.0.0.0/8') as Subnet
/** What agents and engines make for pods: addresses that no other host reaches. */
const POD_INTERFACE = /^(br-|bw|bowline|cni|docker|veth|virbr)/

/**
 * The IPv4 address by which pods on any host reach the API: the advertised one, else the one that it listens on, else this
 * machine's first. Undefined when it listens for this machine alone.
 */
export async function apiAddress(
  { advertise, listen }: { readonly advertise: string | undefined; readonly listen: string },
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): Promise<string | undefined> {
  const advertised = advertise === undefined ? undefined : await resolved(advertise)
  if (advertised !== undefined && isReachable(advertised)) return advertised
  if (listen !== '0.0.0.0' && listen !== '::') {
    const own = await resolved(listen)
    return own !== undefined && isReachable(own) ? own : undefined
  }
  return Object.entries(interfaces)
    .filter(([name]) => !POD_INTERFACE.test(name))
    .flatMap(([, addresses = []]) => addresses)
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

async function resolved(host: string): Promise<string | undefined> {
  if (parseIpv4(host) !== undefined) return host
  return lookup(host, { family: 4 }).then(
    ({ address }) => address,
    () => undefined,
  )
}

function isReachable(address: string): boolean {
  const number = parseIpv4(address) ?? 0
  return number !== 0 && !containsAddress(LOOPBACK, number)
}
