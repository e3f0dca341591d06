import type { IngressBackend, Service, ServicePort } from '../generated/types.ts'

/** The port of a service that an ingress' backend names, by number or by name; undefined when there is none. */
export function backendPort({ service: wanted }: IngressBackend, { spec }: Service): ServicePort | undefined {
  const { name, number } = wanted?.port ?? {}
  const ports = (spec?.ports ?? []).filter(({ protocol = 'TCP' }) => protocol === 'TCP')
  if (name) return ports.find(port => port.name === name)
  return ports.find(({ port }) => port === number)
}
