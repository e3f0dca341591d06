import type { Service } from '../../kube/index.ts'
import type { Variable } from './environment.ts'

/** The variables of the API itself are for every pod. */
const MASTER_NAMESPACE = 'default'
const MASTER_SERVICE = 'kubernetes'

export interface ServiceLinks {
  readonly namespace: string
  readonly links: boolean
  readonly reach: (clusterIP: string) => string
}

/**
 * The variables by which containers of a namespace find services, as kubelet makes them (`pkg/kubelet/envvars`): those of the API
 * and, with `links`, of every service of the namespace that has an address. `reach` says where the pod reaches that address. Pure.
 */
export function serviceVariables(
  services: readonly Service[],
  { namespace, links, reach }: ServiceLinks,
): readonly Variable[] {
  const chosen = new Map<string, Service>()
  for (const service of services) {
    const { name = '', namespace: own = '' } = service.metadata
    const { clusterIP = 'None' } = service.spec ?? {}
    if (clusterIP === 'None' || clusterIP === '') continue
    const isMaster = own === MASTER_NAMESPACE && name === MASTER_SERVICE
    // The pod's own service of that name counts before the API's.
    if ((own === namespace && links) || (isMaster && !chosen.has(name))) chosen.set(name, service)
  }
  return [...chosen.values()].flatMap(service => variablesOf(service, reach))
}

function variablesOf({ metadata, spec = {} }: Service, reach: ServiceLinks['reach']): readonly Variable[] {
  const { clusterIP = '', ports = [] } = spec
  const address = reach(clusterIP)
  const [first] = ports
  if (first === undefined) return []
  const prefix = variableName(metadata.name ?? '')
  const named = ports.filter(({ name }) => name)
  return [
    { name: `${prefix}_SERVICE_HOST`, value: address },
    { name: `${prefix}_SERVICE_PORT`, value: String(first.port) },
    ...named.map(({ name = '', port }) => ({
      name: `${prefix}_SERVICE_PORT_${variableName(name)}`,
      value: String(port),
    })),
    // What Docker's links once were.
    { name: `${prefix}_PORT`, value: url(address, first) },
    ...ports.flatMap(port => {
      const { port: number, protocol = 'TCP' } = port
      const own = `${prefix}_PORT_${number}_${protocol}`
      return [
        { name: own, value: url(address, port) },
        { name: `${own}_PROTO`, value: protocol.toLowerCase() },
        { name: `${own}_PORT`, value: String(number) },
        { name: `${own}_ADDR`, value: address },
      ]
    }),
  ]
}

function url(address: string, { port, protocol = 'TCP' }: { port: number; protocol?: string }): string {
  const host = address.includes(':') ? `[${address}]` : address
  return `${protocol.toLowerCase()}://${host}:${port}`
}

function variableName(name: string): string {
  return name
    .replace(/[.-]/g, '_')
    .toUpperCase()
    .replace(/^(?=\d)/, '_')
}
