import { IpAddress } from './ip-address.ts'
import { IpNetwork } from './ip-network.ts'
import { type Definitions, defineNamespace, defineOpaque } from './library.ts'

const IP = 'net.IP'
const CIDR = 'net.CIDR'

/** Addresses and networks (apiserver `pkg/cel/library/ip.go`, `cidr.go`). */
export function defineAddresses(definitions: Definitions): void {
  const { define } = definitions
  defineOpaque(definitions, IP, IpAddress)
  defineOpaque(definitions, CIDR, IpNetwork)
  const ip = defineNamespace(definitions, 'ip')
  define('isIP(string): bool', (text: string) => succeeds(() => IpAddress.parse(text)))
  define(`ip(string): ${IP}`, (text: string) => IpAddress.parse(text))
  define(
    `${ip}.isCanonical(string): bool`,
    (_: unknown, text: string) => String(IpAddress.parse(text)) === text,
  )
  define(`string(${IP}): string`, String)
  define(`${IP}.family(): int`, ({ family }: IpAddress) => BigInt(family))
  for (const fact of [
    'isUnspecified',
    'isLoopback',
    'isLinkLocalMulticast',
    'isLinkLocalUnicast',
    'isGlobalUnicast',
  ] as const)
    define(`${IP}.${fact}(): bool`, (address: IpAddress) => address[fact])

  define('isCIDR(string): bool', (text: string) => succeeds(() => IpNetwork.parse(text)))
  define(`cidr(string): ${CIDR}`, (text: string) => IpNetwork.parse(text))
  define(`string(${CIDR}): string`, String)
  define(`${CIDR}.ip(): ${IP}`, ({ address }: IpNetwork) => address)
  define(`${CIDR}.masked(): ${CIDR}`, ({ masked }: IpNetwork) => masked)
  define(`${CIDR}.prefixLength(): int`, ({ prefix }: IpNetwork) => BigInt(prefix))
  define(`${CIDR}.containsIP(${IP}): bool`, (network: IpNetwork, address: IpAddress) =>
    network.containsAddress(address),
  )
  define(`${CIDR}.containsIP(string): bool`, (network: IpNetwork, text: string) =>
    network.containsAddress(IpAddress.parse(text)),
  )
  define(`${CIDR}.containsCIDR(${CIDR}): bool`, (network: IpNetwork, other: IpNetwork) =>
    network.containsNetwork(other),
  )
  define(`${CIDR}.containsCIDR(string): bool`, (network: IpNetwork, text: string) =>
    network.containsNetwork(IpNetwork.parse(text)),
  )
}

function succeeds(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch {
    return false
  }
}
