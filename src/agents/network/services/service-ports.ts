import { isIPv4 } from 'node:net'
import type { EndpointSlice, Service } from '../../../kube/index.ts'
import { type Backends, backendsOf, type Protocol } from './endpoints.ts'

/** One port of a service as a proxy needs it: where it is reached, by whom, and what is behind it. */
export interface ServicePortRoute {
  /** `namespace/name`. */
  readonly service: string
  /** The port's name; `` for the only one. */
  readonly name: string
  readonly protocol: Protocol
  readonly port: number
  readonly clusterIP: string
  /** External addresses that lead to the cluster by other means; not those of the load balancer. */
  readonly externalIPs: readonly string[]
  readonly loadBalancerIPs: readonly string[]
  /** Networks that may use the load balancer's addresses; empty: all. */
  readonly sourceRanges: readonly string[]
  readonly nodePort: number | undefined
  /** How long a client keeps its backend; undefined: no affinity. */
  readonly affinitySeconds: number | undefined
  /** Whether traffic of the cluster, and from outside, stays on its host. */
  readonly internalLocal: boolean
  readonly externalLocal: boolean
  readonly backends: Backends
}

/** Kubernetes' default (`core/v1` DefaultClientIPServiceAffinitySeconds). */
const AFFINITY_SECONDS = 10_800
/** A service that some other proxy serves. */
const PROXY_NAME_LABEL = 'service.kubernetes.io/service-proxy-name'

/** The routed ports of a service: none for headless ones, ExternalName, those without an IPv4 address, and those of another proxy. */
export function servicePorts(
  service: Service,
  slices: readonly EndpointSlice[],
  isLocalNode: (nodeName: string) => boolean,
): readonly ServicePortRoute[] {
  const { metadata, spec = {}, status } = service
  const clusterIP = clusterAddress(service)
  if (clusterIP === undefined || metadata.labels?.[PROXY_NAME_LABEL] !== undefined) return []
  const isExternal = spec.type === 'NodePort' || spec.type === 'LoadBalancer'
  const externalIPs = (spec.externalIPs ?? []).filter(isIPv4)
  const ingress = spec.type === 'LoadBalancer' ? (status?.loadBalancer?.ingress ?? []) : []
  const shared = {
    service: `${metadata.namespace}/${metadata.name}`,
    clusterIP,
    externalIPs,
    // A balancer that is a proxy of its own must get its traffic (KEP-1860).
    loadBalancerIPs: ingress
      .filter(({ ipMode }) => ipMode !== 'Proxy')
      .flatMap(({ ip }) => (ip !== undefined && isIPv4(ip) ? ip : [])),
    sourceRanges: (spec.loadBalancerSourceRanges ?? []).map(range => range.trim()).filter(isIpv4Network),
    affinitySeconds:
      spec.sessionAffinity === 'ClientIP'
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? AFFINITY_SECONDS)
        : undefined,
    internalLocal: spec.internalTrafficPolicy === 'Local',
    externalLocal: (isExternal || externalIPs.length > 0) && spec.externalTrafficPolicy === 'Local',
  }
  return (spec.ports ?? []).map(({ name = '', protocol = 'TCP', port, nodePort }) => ({
    ...shared,
    name,
    protocol,
    port,
    nodePort: isExternal && nodePort ? nodePort : undefined,
    backends: backendsOf({ name, protocol }, slices, isLocalNode),
  }))
}

/** The IPv4 address of a service inside the cluster. */
export function clusterAddress({ spec = {} }: Service): string | undefined {
  if (spec.type === 'ExternalName') return undefined
  return [spec.clusterIP, ...(spec.clusterIPs ?? [])].find(
    address => address !== undefined && isIPv4(address),
  )
}

/** `10.0.0.0/8`, exactly: what comes from the API ends up in scripts. */
export function isIpv4Network(text: string): boolean {
  const [address = '', prefix = '', ...rest] = text.split('/')
  return rest.length === 0 && isIPv4(address) && /^(\d|[12]\d|3[0-2])$/.test(prefix)
}
