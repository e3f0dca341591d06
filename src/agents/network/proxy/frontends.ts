import { isIPv4 } from 'node:net'
import type { Backend, LocalPod, ServicePortRoute } from '../services/index.ts'

/** One address and port that the proxy listens on, and where it leads. */
export interface Frontend {
  /** The service or the pod, as `namespace/name`, for messages. */
  readonly owner: string
  readonly protocol: 'TCP' | 'UDP'
  readonly host: string
  readonly port: number
  /** Never empty: what leads nowhere is not listened on, so that the kernel refuses it. */
  readonly backends: readonly Backend[]
  readonly affinitySeconds: number | undefined
}

/** On which of its addresses a proxy serves ports of the host: on all of them, or where nftables serves the others on 127.0.0.1. */
export type HostScope = 'all' | 'loopback'

const LOCALHOST = '127.0.0.1'
const EVERYWHERE = '0.0.0.0'

/**
 * The loopback address that stands for a service address where the latter cannot be reached: `10.43.0.5` is `127.43.0.5`. It follows from
 * the address alone, so that proxies, names and variables agree on every host without asking. Two services of one range (a /12 at
 * most) never share one; the second number is from 1 to 127, since host processes have theirs above, and 127.0.x.y is well known.
 */
export function loopbackAddress(clusterIP: string): string {
  const [, second = '', ...rest] = clusterIP.split('.')
  return ['127', Number(second) % 128 || 127, ...rest].join('.')
}

/** What to listen on for a service port: its loopback address, its port of the host, and addresses that the host may have. */
export function serviceFrontends(route: ServicePortRoute): readonly Frontend[] {
  const { protocol, clusterIP, port, nodePort, backends } = route
  // No runtime that is served by this proxy knows SCTP, and neither does Node.
  if (protocol === 'SCTP') return []
  const shared = { owner: route.service, protocol, affinitySeconds: route.affinitySeconds }
  const internal = route.internalLocal ? backends.local : backends.cluster
  const external = route.externalLocal ? backends.local : backends.cluster
  const outside = [...new Set([...route.externalIPs, ...route.loadBalancerIPs])]
  return served([
    { ...shared, host: loopbackAddress(clusterIP), port, backends: internal },
    ...(nodePort === undefined ? [] : [{ ...shared, host: EVERYWHERE, port: nodePort, backends: external }]),
    ...outside.map(host => ({ ...shared, host, port, backends: external })),
  ])
}

/** A service's port of the host for the host's own processes. These are not outside: they reach every backend, whatever the policy. */
export function localNodePort(route: ServicePortRoute): readonly Frontend[] {
  const { service: owner, protocol, nodePort: port, affinitySeconds, backends } = route
  if (protocol === 'SCTP' || port === undefined) return []
  return served([{ owner, protocol, host: LOCALHOST, port, backends: backends.cluster, affinitySeconds }])
}

/** Ports of the host that lead to pods of this node. */
export function hostPortFrontends(pods: readonly LocalPod[], scope: HostScope): readonly Frontend[] {
  return pods.flatMap(({ namespace, name, address, ports }) =>
    ports.flatMap(({ protocol, containerPort, hostPort, hostIP = EVERYWHERE }): readonly Frontend[] => {
      const host = hostOf(hostIP || EVERYWHERE, scope)
      if (protocol === 'SCTP' || hostPort === undefined || host === undefined) return []
      const backends = [{ address, port: containerPort }]
      return [
        {
          owner: `${namespace}/${name}`,
          protocol,
          host,
          port: hostPort,
          backends,
          affinitySeconds: undefined,
        },
      ]
    }),
  )
}

function hostOf(hostIP: string, scope: HostScope): string | undefined {
  if (!isIPv4(hostIP)) return undefined
  if (scope === 'all' || hostIP.startsWith('127.')) return hostIP
  return hostIP === EVERYWHERE ? LOCALHOST : undefined
}

function served(frontends: readonly Frontend[]): readonly Frontend[] {
  return frontends.filter(({ backends }) => backends.length > 0)
}
