import { isIP } from 'node:net'
import type { EndpointSlice, Service } from '../../../kube/index.ts'

/** What the names of one service stand for. */
export interface ServiceRecords {
  /** Where the service's own name leads by itself: its cluster addresses, or the ready endpoints of a headless one. */
  readonly addresses: readonly string[]
  /** An ExternalName's target; everything else is empty then. */
  readonly target: string | undefined
  /** Ready endpoints by the label before the service's name, each with its addresses. */
  readonly hosts: ReadonlyMap<string, readonly string[]>
  readonly ports: readonly ServicePortRecord[]
  readonly isHeadless: boolean
}

export interface ServicePortRecord {
  /** Empty for a port without a name. */
  readonly name: string
  /** `tcp`, `udp`, `sctp`. */
  readonly protocol: string
  readonly port: number
  /** The label of the endpoint that the port is of; undefined: the service itself. */
  readonly host: string | undefined
}

/** Where askers reach an address that an allocator gave a service. */
export type ServiceAddress = (clusterIP: string) => string

/** The endpoints of a service that names lead to. Without a word on readiness they are ready, as the API has it. */
export function readyEndpoints(slice: EndpointSlice): EndpointSlice['endpoints'] {
  if (slice.addressType === 'FQDN') return []
  return slice.endpoints.filter(({ conditions }) => conditions?.ready !== false)
}

/** The names of a service after the specification of DNS in Kubernetes. Pure. */
export function describeService(
  service: Service,
  slices: readonly EndpointSlice[],
  serviceAddress: ServiceAddress,
): ServiceRecords {
  const { spec = {} } = service
  if (spec.type === 'ExternalName')
    return {
      addresses: [],
      target: spec.externalName ?? '',
      hosts: new Map(),
      ports: [],
      isHeadless: false,
    }
  const isHeadless = spec.clusterIP === 'None'
  const hosts = hostsOf(slices)
  return {
    addresses: isHeadless
      ? [...new Set([...hosts.values()].flat())]
      : clusterAddresses(service, serviceAddress),
    target: undefined,
    hosts,
    ports: isHeadless ? endpointPorts(slices) : servicePorts(service),
    isHeadless,
  }
}

/** Where a service is reached by addresses of its own; none for a headless or an external one. */
export function clusterAddresses({ spec = {} }: Service, serviceAddress: ServiceAddress): readonly string[] {
  const { clusterIP, clusterIPs } = spec
  return (clusterIPs ?? (clusterIP === undefined ? [] : [clusterIP]))
    .filter(address => isIP(address) !== 0)
    .map(serviceAddress)
}

function hostsOf(slices: readonly EndpointSlice[]): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, Set<string>>()
  for (const slice of slices)
    for (const { hostname, addresses } of readyEndpoints(slice))
      for (const address of addresses) {
        const label = hostLabel(hostname, address)
        const known = hosts.get(label)
        if (known === undefined) hosts.set(label, new Set([address]))
        else known.add(address)
      }
  return new Map([...hosts].map(([label, addresses]) => [label, [...addresses]]))
}

/** An endpoint without a hostname is named for its address, as CoreDNS does it. */
function hostLabel(hostname: string | undefined, address: string): string {
  return hostname ? hostname.toLowerCase() : address.replace(/[.:]/g, '-')
}

function servicePorts({ spec = {} }: Service): readonly ServicePortRecord[] {
  return (spec.ports ?? []).map(({ name = '', protocol = 'TCP', port }) => ({
    name: name.toLowerCase(),
    protocol: protocol.toLowerCase(),
    port,
    host: undefined,
  }))
}

/** Behind a headless service clients meet the endpoints themselves, whose port may be another than the service's. */
function endpointPorts(slices: readonly EndpointSlice[]): readonly ServicePortRecord[] {
  const ports = new Map<string, ServicePortRecord>()
  for (const slice of slices)
    for (const { hostname, addresses } of readyEndpoints(slice))
      for (const address of addresses)
        for (const { name = '', protocol = 'TCP', port } of slice.ports ?? []) {
          if (port === undefined) continue
          const record = {
            name: name.toLowerCase(),
            protocol: protocol.toLowerCase(),
            port,
            host: hostLabel(hostname, address),
          }
          ports.set(`${record.name}/${record.protocol}/${port}/${record.host}`, record)
        }
  return [...ports.values()]
}
