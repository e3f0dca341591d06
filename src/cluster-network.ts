import { BowlineError, formatSubnet, overlaps, parseSubnet, type Subnet } from './base/index.ts'
import type { LinkMode } from './kube/index.ts'

/** The addresses and the name that everything inside the cluster shares. */
export interface ClusterNetwork {
  /** Pods have their addresses from it; each node gets a /24. */
  readonly podCidr: Subnet
  /** Services have their ClusterIPs from it. */
  readonly serviceCidr: Subnet
  /** Where the `externalIPs` of Services may be. */
  readonly externalIPs: readonly Subnet[]
  /** The end of every name in the cluster's DNS. */
  readonly clusterDomain: string
  /** By which way hosts reach the pods of other hosts. */
  readonly links: LinkMode
}

/** What a host has on its interfaces, as `os.networkInterfaces()` tells it. */
export interface HostAddress {
  readonly interface: string
  /** With its prefix: `192.0.2.2/24`. */
  readonly cidr: string
}

/** The size of a node's part of the pod range; a range must hold one at least. */
const NODE_PREFIX = 24
const LARGEST = { '--pod-cidr': 8, '--service-cidr': 12 }
const SMALLEST = { '--pod-cidr': NODE_PREFIX, '--service-cidr': 28 }
/** What agents make on their hosts has its addresses from the pod range, and is no collision. */
const OWN_INTERFACE = /^(bw|bowline)/

/**
 * The cluster's network from the texts of the command line. Refuses what cannot be read, ranges of no useful size, and ranges
 * that overlap each other or a network that this host is on: its addresses could then not be told apart.
 */
export function readClusterNetwork(
  texts: { readonly [Key in 'podCidr' | 'serviceCidr' | 'clusterDomain']: string } & {
    /** Networks with commas between them. */
    readonly serviceExternalIps?: string
  } & Pick<ClusterNetwork, 'links'>,
  host: readonly HostAddress[],
): ClusterNetwork {
  const podCidr = readRange(texts.podCidr, '--pod-cidr')
  const serviceCidr = readRange(texts.serviceCidr, '--service-cidr')
  if (overlaps(podCidr, serviceCidr))
    throw refusal(
      '--service-cidr',
      formatSubnet(serviceCidr),
      `it overlaps --pod-cidr ${formatSubnet(podCidr)}`,
    )
  checkHost(podCidr, '--pod-cidr', host)
  checkHost(serviceCidr, '--service-cidr', host)
  return {
    podCidr,
    serviceCidr,
    externalIPs: readNetworks(texts.serviceExternalIps),
    clusterDomain: readDomain(texts.clusterDomain),
    links: texts.links,
  }
}

type Flag = keyof typeof LARGEST

function readRange(text: string, flag: Flag): Subnet {
  const range = parseSubnet(text)
  if (range === undefined || formatSubnet(range) !== text)
    throw refusal(flag, text, 'expected an IPv4 network, such as 10.42.0.0/16')
  if (range.prefix < LARGEST[flag] || range.prefix > SMALLEST[flag])
    throw refusal(flag, text, `its prefix must be from /${LARGEST[flag]} to /${SMALLEST[flag]}`)
  return range
}

function readNetworks(texts: string | undefined): readonly Subnet[] {
  if (texts === undefined) return []
  return texts.split(',').map(text => {
    const range = parseSubnet(text)
    if (range !== undefined && formatSubnet(range) === text) return range
    throw refusal(
      '--service-external-ips',
      text,
      'expected IPv4 networks, such as 192.0.2.0/24,198.51.100.7/32',
    )
  })
}

function checkHost(range: Subnet, flag: Flag, host: readonly HostAddress[]): void {
  for (const { interface: name, cidr } of host) {
    const network = parseSubnet(cidr)
    if (network === undefined || OWN_INTERFACE.test(name) || !overlaps(range, network)) continue
    throw refusal(
      flag,
      formatSubnet(range),
      `interface ${name} of this host is on ${formatSubnet(network)}; choose another range with ${flag}, one that no host of the cluster uses`,
    )
  }
}

function readDomain(text: string): string {
  const name = text.toLowerCase().replace(/\.$/, '')
  if (
    name.length <= 200 &&
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/.test(name)
  )
    return name
  throw refusal('--cluster-domain', text, 'expected a DNS name, such as cluster.local')
}

function refusal(flag: string, text: string, why: string): BowlineError {
  return new BowlineError('bad-config', `Cannot use ${flag} ${text}: ${why}`)
}
