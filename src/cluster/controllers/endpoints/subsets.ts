import { canonicalJson } from '../../../base/index.ts'
import type { EndpointAddress, EndpointPort, EndpointSubset, Pod, Service } from '../../../kube/index.ts'
import { isPodReady } from '../pod-state.ts'
import { addressesOf, addressTypesOf, hostnameUnder, referenceTo } from './pod-address.ts'
import { targetPortOf } from './target-port.ts'

/** Addresses per Endpoints object; what is beyond is cut off, and said so by an annotation. */
export const MAX_ADDRESSES = 1000

/**
 * The subsets of a service's Endpoints (kubernetes `pkg/controller/endpoint`, `pkg/api/v1/endpoints`): ports that lead to the same
 * pods share one. Only the first kind of addresses of a service is in them. Equal input in any order gives equal output.
 */
export function endpointSubsets(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const { ports = [], clusterIP, publishNotReadyAddresses = false } = service.spec ?? {}
  const [type = 'IPv4'] = addressTypesOf(service)
  const reached = new Map<string, Reached>()
  for (const pod of pods) {
    const [ip] = addressesOf(pod, type)
    if (ip === undefined || (pod.metadata.deletionTimestamp !== undefined && !publishNotReadyAddresses))
      continue
    const target = {
      address: addressOf(pod, ip, service),
      isReady: publishNotReadyAddresses || isPodReady(pod),
    }
    // A headless service may do without ports.
    if (ports.length === 0 && clusterIP === 'None') reach(reached, undefined, target)
    for (const servicePort of ports) {
      const port = targetPortOf(pod, servicePort)
      if (port === undefined) continue
      const { name, protocol = 'TCP', appProtocol } = servicePort
      const named = { ...(name ? { name } : {}), port, protocol }
      reach(reached, appProtocol === undefined ? named : { ...named, appProtocol }, target)
    }
  }
  return groupByAddresses([...reached.values()])
}

interface Target {
  readonly address: EndpointAddress
  readonly isReady: boolean
}

/** One port and the pods behind it. */
interface Reached {
  readonly port: EndpointPort | undefined
  readonly targets: Target[]
}

function reach(all: Map<string, Reached>, port: EndpointPort | undefined, target: Target): void {
  const key = canonicalJson(port ?? null)
  const known = all.get(key) ?? { port, targets: [] }
  all.set(key, known)
  known.targets.push(target)
}

function addressOf(pod: Pod, ip: string, service: Service): EndpointAddress {
  const hostname = hostnameUnder(pod, service)
  const nodeName = pod.spec?.nodeName ?? ''
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === '' ? {} : { nodeName }),
    targetRef: referenceTo(pod),
  }
}

function groupByAddresses(reached: readonly Reached[]): readonly EndpointSubset[] {
  const groups = new Map<string, { readonly ports: EndpointPort[]; readonly targets: readonly Target[] }>()
  for (const { port, targets } of reached) {
    const ordered = targets.toSorted((a, b) => compareTexts(sortKey(a), sortKey(b)))
    const key = canonicalJson(ordered)
    const group = groups.get(key) ?? { ports: [], targets: ordered }
    groups.set(key, group)
    if (port !== undefined) group.ports.push(port)
  }
  const subsets = [...groups.values()].map(({ ports, targets }) =>
    subsetOf(
      targets.filter(({ isReady }) => isReady).map(({ address }) => address),
      targets.filter(({ isReady }) => !isReady).map(({ address }) => address),
      ports.sort(comparePorts),
    ),
  )
  return subsets.sort((a, b) => compareTexts(canonicalJson(a.ports ?? []), canonicalJson(b.ports ?? [])))
}

function subsetOf(
  addresses: readonly EndpointAddress[],
  notReadyAddresses: readonly EndpointAddress[],
  ports: readonly EndpointPort[],
): EndpointSubset {
  return {
    ...(addresses.length === 0 ? {} : { addresses }),
    ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
    ...(ports.length === 0 ? {} : { ports }),
  }
}

function sortKey({ address }: Target): string {
  return `${address.ip} ${address.targetRef?.uid ?? ''}`
}

function comparePorts(a: EndpointPort, b: EndpointPort): number {
  return compareTexts(canonicalJson(a), canonicalJson(b))
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * `subsets` with at most {@link MAX_ADDRESSES} addresses, each subset cut by its share, ready ones kept before the others
 * (kubernetes `truncateEndpoints`). Undefined when nothing has to be cut.
 */
export function truncateSubsets(subsets: readonly EndpointSubset[]): readonly EndpointSubset[] | undefined {
  const ready = count(subsets, 'addresses')
  const notReady = count(subsets, 'notReadyAddresses')
  if (ready + notReady <= MAX_ADDRESSES) return undefined
  const cutsReady = ready > MAX_ADDRESSES
  const [room, total] = cutsReady ? [MAX_ADDRESSES, ready] : [MAX_ADDRESSES - ready, notReady]
  let left = room
  return subsets.map(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const all = cutsReady ? addresses : notReadyAddresses
    const kept = all.slice(0, Math.min(left, Math.ceil((all.length / total) * room)))
    left -= kept.length
    return cutsReady ? subsetOf(kept, [], ports) : subsetOf(addresses, kept, ports)
  })
}

function count(subsets: readonly EndpointSubset[], field: 'addresses' | 'notReadyAddresses'): number {
  return subsets.reduce((sum, subset) => sum + (subset[field] ?? []).length, 0)
}
