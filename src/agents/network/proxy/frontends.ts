import type { Backend, ServicePortRoute } from '../services/index.ts'

/** One address and port that the proxy listens on, and where it leads. */
export interface Frontend {
  /** `namespace/name`, for messages. */
  readonly service: string
  readonly protocol: 'TCP' | 'UDP'
  readonly host: string
  readonly port: number
  /** Never empty: what leads nowhere is not listened on, so that the kernel refuses it. */
  readonly backends: readonly Backend[]
  readonly affinitySeconds: number | undefined
}

/**
 * The loopback address that stands for a service address where the latter cannot be reached: `10.43.0.5` is `127.43.0.5`. It follows from
 * the address alone, so that proxies, names and variables agree on every host without asking.
 */
export function loopbackAddress(clusterIP: string): string {
  return clusterIP.replace(/^\d+/, '127')
}

/** What to listen on for a service port: its loopback address, its port of the host, and addresses that the host may have. */
export function frontendsOf(route: ServicePortRoute): readonly Frontend[] {
  const { service, protocol, affinitySeconds, clusterIP, port, nodePort, backends } = route
  // No runtime that is served by this proxy knows SCTP, and neither does Node.
  if (protocol === 'SCTP') return []
  const shared = { service, protocol, affinitySeconds }
  const internal = route.internalLocal ? backends.local : backends.cluster
  const external = route.externalLocal ? backends.local : backends.cluster
  const outside = [...new Set([...route.externalIPs, ...route.loadBalancerIPs])]
  return [
    { ...shared, host: loopbackAddress(clusterIP), port, backends: internal },
    ...(nodePort === undefined ? [] : [{ ...shared, host: '0.0.0.0', port: nodePort, backends: external }]),
    ...outside.map(host => ({ ...shared, host, port, backends: external })),
  ].filter(frontend => frontend.backends.length > 0)
}
