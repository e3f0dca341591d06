import type { Endpoint, EndpointSlicePort, Pod, Service } from '../../../kube/index.ts'
import { isPodReady } from '../pod-state.ts'
import { type AddressType, addressesOf, addressTypesOf, hostnameUnder, referenceTo } from './pod-address.ts'
import { targetPortOf } from './target-port.ts'

/** Endpoints that can share a slice: the same kind of address, and the same ports. */
export interface EndpointGroup {
  readonly addressType: AddressType
  readonly ports: readonly EndpointSlicePort[]
  readonly endpoints: readonly Endpoint[]
}

/** What is known of the node of a pod. */
export interface NodePlace {
  readonly zone: string | undefined
}

export interface SliceContentInput {
  readonly service: Service
  /** Those that the service selects. */
  readonly pods: readonly Pod[]
  /** Undefined for a node that is not there. */
  readonly placeOf: (nodeName: string) => NodePlace | undefined
}

/**
 * The endpoints that a service should have (kubernetes `staging/src/k8s.io/endpointslice`). A service without any keeps one empty
 * group per kind of address, so that it is seen to have none.
 */
export function sliceContent({ service, pods, placeOf }: SliceContentInput): readonly EndpointGroup[] {
  return addressTypesOf(service).flatMap((addressType): readonly EndpointGroup[] => {
    const groups = new Map<string, EndpointGroup & { readonly endpoints: Endpoint[] }>()
    for (const pod of pods) {
      const endpoint = endpointOf(pod, { service, addressType, placeOf })
      if (endpoint === undefined) continue
      const ports = portsFor(service, pod)
      const key = JSON.stringify(ports)
      const group = groups.get(key) ?? { addressType, ports, endpoints: [] }
      groups.set(key, group)
      group.endpoints.push(endpoint)
    }
    return groups.size > 0 ? [...groups.values()] : [{ addressType, ports: [], endpoints: [] }]
  })
}

interface EndpointInput extends Omit<SliceContentInput, 'pods'> {
  readonly addressType: AddressType
}

function endpointOf(pod: Pod, { service, addressType, placeOf }: EndpointInput): Endpoint | undefined {
  const addresses = addressesOf(pod, addressType)
  if (addresses.length === 0) return undefined
  const nodeName = pod.spec?.nodeName ?? ''
  const place = nodeName === '' ? undefined : placeOf(nodeName)
  const isPublished = service.spec?.publishNotReadyAddresses ?? false
  // A pod of a node that is gone is about to be deleted, and nothing answers there.
  if (nodeName !== '' && place === undefined && !isPublished) return undefined
  const serving = isPodReady(pod)
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const hostname = hostnameUnder(pod, service)
  return {
    addresses,
    conditions: { ready: isPublished || (serving && !terminating), serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: referenceTo(pod),
    ...(nodeName === '' ? {} : { nodeName }),
    ...(place?.zone === undefined ? {} : { zone: place.zone }),
  }
}

/** A port that the pod does not have is left out: others of the service may lead to it all the same. */
function portsFor(service: Service, pod: Pod): readonly EndpointSlicePort[] {
  return (service.spec?.ports ?? []).flatMap(servicePort => {
    const port = targetPortOf(pod, servicePort)
    if (port === undefined) return []
    const { name = '', protocol = 'TCP', appProtocol } = servicePort
    return [{ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }]
  })
}
