import { networkInterfaces } from 'node:os'
import { parseSubnet, type Subnet } from '../../../base/index.ts'

export interface HostAddress {
  readonly address: string
  /** The network that it is on. */
  readonly link: Subnet
}

/** What Bowline and Docker make: their addresses are no other host's business. */
const MADE = /^(bowline-|bowg-|bovx-|docker\d|docker_gwbridge$|br-[0-9a-f]{12}$|veth)/

/** The IPv4 addresses by which others know this host, in the order of its interfaces. */
export function hostAddresses(
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): readonly HostAddress[] {
  return Object.entries(interfaces).flatMap(([name, addresses = []]) =>
    MADE.test(name)
      ? []
      : addresses.flatMap(({ address, family, internal, cidr }) => {
          const link = family === 'IPv4' && !internal && cidr !== null ? parseSubnet(cidr) : undefined
          return link === undefined ? [] : [{ address, link }]
        }),
  )
}
