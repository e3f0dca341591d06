import type { Node, Service } from '../../../kube/index.ts'
import { conditionStatus } from '../node-lifecycle/node-taints.ts'
import { isExcludedFromTraffic } from './excluded-node.ts'

/** Where any node carries it, only nodes on which it is `true` serve; `false` always excludes a node. */
const HOST_LABEL = 'network.bowline.dev/load-balancer'
/** What a service may name to be served so; one that names another class is somebody else's. */
const CLASS = 'network.bowline.dev/hosts'

export interface AssignHostsInput {
  readonly services: readonly Service[]
  readonly nodes: readonly Node[]
  /** The names of the nodes on which a service has a ready endpoint. */
  readonly localNodesOf: (service: Service) => ReadonlySet<string>
}

/** What one service gets. */
export interface HostAssignment {
  readonly service: Service
  /** Addresses of hosts, in order. */
  readonly addresses: readonly string[]
  readonly conflicts: readonly PortConflict[]
}

/** A port of a host that an older service has already. */
export interface PortConflict {
  readonly node: string
  /** Such as `443/TCP`. */
  readonly port: string
  /** As `namespace/name`. */
  readonly holder: string
}

/** Whether the hosts are asked to serve it, as k3s' ServiceLB is where no class is named. */
export function isServedByHosts({ spec }: Service): boolean {
  return spec?.type === 'LoadBalancer' && (spec.loadBalancerClass ?? CLASS) === CLASS
}

/**
 * Which hosts serve which services: every ready one, cordoned or not, or with the external traffic policy Local those with a
 * ready pod of it. A port of a host serves one service: of two that want it the older has it, and the other does without that host.
 */
export function assignHosts({ services, nodes, localNodesOf }: AssignHostsInput): readonly HostAssignment[] {
  const hosts = servingHosts(nodes)
  const holders = new Map<string, string>()
  return [...services]
    .filter(isServedByHosts)
    .sort(olderFirst)
    .map(service => {
      const local = service.spec?.externalTrafficPolicy === 'Local' ? localNodesOf(service) : undefined
      const name = `${service.metadata.namespace}/${service.metadata.name}`
      const conflicts: PortConflict[] = []
      const addresses = hosts
        .filter(host => local === undefined || local.has(host.name))
        .flatMap(host => {
          const keys = portsOf(service).map(port => [port, `${host.name} ${port}`] as const)
          const taken = keys.flatMap(([port, key]): readonly PortConflict[] => {
            const holder = holders.get(key)
            return holder === undefined ? [] : [{ node: host.name, port, holder }]
          })
          conflicts.push(...taken)
          if (taken.length > 0) return []
          for (const [, key] of keys) holders.set(key, name)
          return addressesFor(service, host)
        })
      // Hosts on one machine share its address.
      return { service, addresses: [...new Set(addresses)], conflicts }
    })
}

/** Whether any host is known to be ready: when none is, the server has not heard of them, rather than all having died at once. */
export function isAnyReady(nodes: readonly Node[]): boolean {
  return nodes.some(node => conditionStatus(node, 'Ready') === 'True')
}

interface Host {
  readonly name: string
  readonly addresses: readonly string[]
}

function servingHosts(nodes: readonly Node[]): readonly Host[] {
  const isChosen = nodes.some(({ metadata }) => metadata.labels?.[HOST_LABEL] === 'true')
  return nodes
    .filter(node => {
      const labels = node.metadata.labels ?? {}
      if (labels[HOST_LABEL] === 'false' || isExcludedFromTraffic(node)) return false
      if (isChosen && labels[HOST_LABEL] !== 'true') return false
      return conditionStatus(node, 'Ready') === 'True'
    })
    .map(({ metadata, status }) => ({
      name: metadata.name ?? '',
      addresses: (status?.addresses ?? [])
        .filter(({ type }) => type === 'InternalIP')
        .map(({ address }) => address),
    }))
    .sort((a, b) => compareTexts(a.name, b.name))
}

function addressesFor({ spec }: Service, { addresses }: Host): readonly string[] {
  const families = spec?.ipFamilies ?? ['IPv4']
  return addresses.filter(address => families.includes(address.includes(':') ? 'IPv6' : 'IPv4'))
}

function portsOf({ spec }: Service): readonly string[] {
  return (spec?.ports ?? []).map(({ port, protocol = 'TCP' }) => `${port}/${protocol}`)
}

function olderFirst({ metadata: a }: Service, { metadata: b }: Service): number {
  return (
    compareTexts(a.creationTimestamp ?? '', b.creationTimestamp ?? '') ||
    compareTexts(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`)
  )
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
