import type { EndpointSlice, Service, ServicePort } from '../../../../src/kube/index.ts'

/** A service; `clusterIP: 'None'` makes it headless. */
export function service(
  name: string,
  spec: NonNullable<Service['spec']>,
  namespace: string = 'default',
): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec } as Service
}

export interface EndpointWords {
  readonly address: string
  readonly hostname?: string
  readonly ready?: boolean
}

/** A slice of a service's endpoints, with its ports. */
export function slice(
  serviceName: string,
  endpoints: readonly EndpointWords[],
  ports: readonly Partial<ServicePort>[] = [],
  name: string = `${serviceName}-1`,
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': serviceName } },
    addressType: endpoints[0]?.address.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: endpoints.map(({ address, hostname, ready }) => ({
      addresses: [address],
      ...(hostname === undefined ? {} : { hostname }),
      ...(ready === undefined ? {} : { conditions: { ready } }),
    })),
    ports,
  } as EndpointSlice
}
