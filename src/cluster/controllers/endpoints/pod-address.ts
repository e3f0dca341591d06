import type { ObjectReference, Pod, Service } from '../../../kube/index.ts'
import { isPodReady, isPodTerminal } from '../pod-state.ts'

export type AddressType = 'IPv4' | 'IPv6'

/** The kinds of addresses by which a service reaches its pods. */
export function addressTypesOf({ spec }: Service): readonly AddressType[] {
  const families = (spec?.ipFamilies ?? []).filter(family => family === 'IPv4' || family === 'IPv6')
  return families.length === 0 ? ['IPv4'] : families
}

export function addressTypeOf(address: string): AddressType {
  return address.includes(':') ? 'IPv6' : 'IPv4'
}

/** A pod's addresses; none for one that has ended for good, which is nobody's endpoint any more. */
export function addressesOf(pod: Pod, type: AddressType): readonly string[] {
  if (isPodTerminal(pod)) return []
  const { podIP, podIPs = [] } = pod.status ?? {}
  const all = podIPs.length > 0 ? podIPs.map(({ ip }) => ip) : podIP ? [podIP] : []
  return all.filter(address => addressTypeOf(address) === type)
}

/** The name that a pod has under its service, which must be the pod's subdomain; undefined when it has none. */
export function hostnameUnder({ metadata, spec }: Pod, service: Service): string | undefined {
  if (!spec?.hostname || spec.subdomain !== service.metadata.name) return undefined
  return metadata.namespace === service.metadata.namespace ? spec.hostname : undefined
}

/** What points back to a pod from an endpoint. */
export function referenceTo({ metadata }: Pod): ObjectReference {
  return {
    kind: 'Pod',
    ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
  }
}

/** Everything about a pod that its endpoints show: what differs in nothing of it concerns no service. */
export function endpointFacts(pod: Pod): unknown {
  const { metadata, spec, status } = pod
  return [
    metadata.labels ?? {},
    metadata.deletionTimestamp !== undefined,
    spec?.nodeName ?? '',
    [spec?.hostname ?? '', spec?.subdomain ?? ''],
    [isPodTerminal(pod), isPodReady(pod)],
    status?.podIPs ?? status?.podIP ?? '',
  ]
}
