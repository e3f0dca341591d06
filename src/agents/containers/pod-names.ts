import { BowlineError } from '../../base/index.ts'
import type { PodDNSConfig } from '../../kube/index.ts'
import { type AssignedPod, podTitle } from '../pods/assigned-pod.ts'
import type { NameConfig, ResolverConfig } from '../runtime/index.ts'

/** The names of the cluster as this node has them. */
export interface ClusterNames {
  readonly domain: string
  /** Where the node's DNS server answers pods; undefined while there is none. */
  readonly dnsAddress: string | undefined
}

export interface PodNames {
  /** What the kernel says: the pod's hostname, or its full name where it wants that. */
  readonly hostname: string
  readonly config: NameConfig
  /** What could not be had as the pod wants it, for events. */
  readonly warnings: readonly { readonly reason: string; readonly message: string }[]
}

/** Upstream's limits (`apis/core/validation`): what resolvers of C libraries can take. */
const MAX_SERVERS = 3
const MAX_SEARCHES = 32
const MAX_SEARCH_CHARACTERS = 2048
const MAX_SEARCH_LENGTH = 253
const MAX_LABEL = 63
/** Of Linux. */
const MAX_KERNEL_HOSTNAME = 64

/** Where a host names no server that a pod can reach; Docker's choice too. */
const LAST_RESORT: readonly string[] = ['8.8.8.8', '8.8.4.4']

/**
 * What a pod is called and how it looks up names, as kubelet has it (`pkg/kubelet/network/dns`). `cluster` is undefined where the
 * node has no part in a network: pods get the host's resolvers there. Throws `bad-config` for a full name that no kernel takes. Pure.
 */
export function podNames(
  pod: AssignedPod,
  cluster: ClusterNames | undefined,
  host: ResolverConfig,
): PodNames {
  const { spec, metadata } = pod
  const hostname = (spec.hostname || metadata.name).slice(0, MAX_LABEL).replace(/[-.]+$/, '')
  const domain =
    spec.subdomain && cluster !== undefined
      ? `${spec.subdomain}.${metadata.namespace}.svc.${cluster.domain}`
      : undefined
  const warnings: { reason: string; message: string }[] = []
  const warn = (reason: string, message: string) => warnings.push({ reason, message })
  const resolver = withinLimits(podResolver(pod, cluster, host, warn), warn)
  const hostAliases = (spec.hostAliases ?? []).map(({ ip, hostnames = [] }) => ({ ip, hostnames }))
  return {
    hostname: kernelHostname(hostname, domain, spec.setHostnameAsFQDN),
    config: { hostname, domain, hostAliases, resolver },
    warnings,
  }
}

function kernelHostname(hostname: string, domain: string | undefined, isFull: boolean | undefined): string {
  if (!isFull || domain === undefined) return hostname
  const name = `${hostname}.${domain}`
  if (name.length <= MAX_KERNEL_HOSTNAME) return name
  throw new BowlineError(
    'bad-config',
    `Failed to construct FQDN from Pod hostname and cluster domain, FQDN ${name} is too long (${MAX_KERNEL_HOSTNAME} is the max, ${name.length} characters requested)`,
  )
}

type Warn = (reason: string, message: string) => void

function podResolver(
  pod: AssignedPod,
  cluster: ClusterNames | undefined,
  host: ResolverConfig,
  warn: Warn,
): ResolverConfig {
  const { dnsPolicy = 'ClusterFirst', dnsConfig, hostNetwork } = pod.spec
  if (dnsPolicy === 'None') return extended({ servers: [], searches: [], options: [] }, dnsConfig)
  const wantsCluster =
    dnsPolicy === 'ClusterFirstWithHostNet' || (dnsPolicy === 'ClusterFirst' && !hostNetwork)
  if (wantsCluster && cluster?.dnsAddress !== undefined) {
    const { domain, dnsAddress } = cluster
    const own = [`${pod.metadata.namespace}.svc.${domain}`, `svc.${domain}`, domain]
    const searches = unique([...own, ...host.searches])
    return extended({ servers: [dnsAddress], searches, options: ['ndots:5'] }, dnsConfig)
  }
  if (wantsCluster && cluster !== undefined)
    warn(
      'MissingClusterDNS',
      `pod: "${podTitle(pod)}". This node does not have a cluster DNS server yet and cannot create Pod using "${dnsPolicy}" policy. Falling back to "Default" policy.`,
    )
  return extended({ ...host, servers: host.servers.length > 0 ? host.servers : LAST_RESORT }, dnsConfig)
}

/** Servers and searches of a pod come after those there are; its options replace those of the same name. */
function extended(base: ResolverConfig, dnsConfig: PodDNSConfig | undefined): ResolverConfig {
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {}
  const merged = new Map(base.options.map(option => [option.split(':', 1)[0] ?? '', option]))
  for (const { name = '', value } of options) merged.set(name, value ? `${name}:${value}` : name)
  return {
    servers: unique([...base.servers, ...nameservers]),
    searches: unique([...base.searches, ...searches]),
    options: [...merged.values()],
  }
}

function withinLimits({ servers, searches, options }: ResolverConfig, warn: Warn): ResolverConfig {
  const fewServers = servers.slice(0, MAX_SERVERS)
  if (fewServers.length < servers.length)
    warn(
      'DNSConfigForming',
      `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${fewServers.join(' ')}`,
    )
  const fewSearches: string[] = []
  let characters = 0
  for (const search of searches.slice(0, MAX_SEARCHES).filter(({ length }) => length <= MAX_SEARCH_LENGTH)) {
    characters += search.length + (fewSearches.length > 0 ? 1 : 0)
    if (characters > MAX_SEARCH_CHARACTERS) break
    fewSearches.push(search)
  }
  if (fewSearches.length < searches.length)
    warn(
      'DNSConfigForming',
      `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${fewSearches.join(' ')}`,
    )
  return { servers: fewServers, searches: fewSearches, options }
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)]
}
