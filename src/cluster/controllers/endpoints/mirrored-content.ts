import type { Endpoint, EndpointAddress, EndpointSlicePort, Endpoints } from '../../../kube/index.ts'
import { addressTypeOf } from './pod-address.ts'
import type { EndpointGroup } from './slice-content.ts'

/** What is beyond so many addresses of a subset is not mirrored, as upstream. */
const MAX_ADDRESSES = 1000

/** The endpoints that hand-made Endpoints say, as slices say them (kubernetes `pkg/controller/endpointslicemirroring`). */
export function mirroredContent({ subsets = [] }: Endpoints): readonly EndpointGroup[] {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const endpoints = [
      ...addresses.map(address => endpointOf(address, true)),
      ...notReadyAddresses.map(address => endpointOf(address, false)),
    ].slice(0, MAX_ADDRESSES)
    return (['IPv4', 'IPv6'] as const).flatMap(addressType => {
      const ofType = endpoints.filter(
        ({ addresses: [address = ''] }) => addressTypeOf(address) === addressType,
      )
      return ofType.length === 0 ? [] : [{ addressType, ports: ports.map(portOf), endpoints: ofType }]
    })
  })
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined ? {} : { hostname }),
    ...(targetRef === undefined ? {} : { targetRef }),
    ...(nodeName === undefined ? {} : { nodeName }),
  }
}

function portOf({ name = '', port, protocol = 'TCP', appProtocol }: EndpointSlicePort): EndpointSlicePort {
  return {
    name,
    ...(port === undefined ? {} : { port }),
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }
}
