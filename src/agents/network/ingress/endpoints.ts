import { isIP } from 'node:net'
import type { Endpoint, EndpointSlice } from '../../../kube/index.ts'

/** One address that a backend's requests may go to. */
export interface BackendEndpoint {
  readonly address: string
  readonly port: number
  /** `draining`: it finishes what it has, and gets no new request. */
  readonly state: 'ready' | 'draining'
}

/**
 * Where the slices of a service say that its port is, sorted. Those that are ready take requests; when none is, those that end and
 * still serve do (upstream's rule for services, KEP-1669). Of a service of both families the IPv4 addresses are used.
 */
export function backendEndpoints(
  slices: readonly EndpointSlice[],
  portName: string,
): readonly BackendEndpoint[] {
  for (const family of ['IPv4', 'IPv6']) {
    const found = endpointsOf(
      slices.filter(({ addressType }) => addressType === family),
      portName,
    )
    if (found.length > 0) return found
  }
  return []
}

function endpointsOf(slices: readonly EndpointSlice[], portName: string): readonly BackendEndpoint[] {
  const found = new Map<string, BackendEndpoint>()
  for (const { ports = [], endpoints } of slices) {
    const port = ports.find(
      ({ name, protocol = 'TCP' }) => (name ?? '') === portName && protocol === 'TCP',
    )?.port
    if (port === undefined || port < 1 || port > 65_535) continue
    for (const endpoint of endpoints) {
      const address = canonicalAddress(endpoint.addresses[0] ?? '')
      const state = stateOf(endpoint)
      const key = `${address} ${port}`
      // In the moment in which an endpoint moves between slices it is in two: the better word counts.
      if (address === undefined || state === undefined || found.get(key)?.state === 'ready') continue
      found.set(key, { address, port, state })
    }
  }
  const all = [...found.values()].sort(byAddress)
  if (all.some(({ state }) => state === 'ready')) return all
  return all.map(endpoint => ({ ...endpoint, state: 'ready' }))
}

function stateOf({ conditions = {} }: Endpoint): BackendEndpoint['state'] | undefined {
  // Upstream: unknown counts as ready, and `serving` as whatever `ready` says.
  const { ready = true, serving = ready, terminating = false } = conditions
  if (ready) return 'ready'
  return serving && terminating ? 'draining' : undefined
}

/** As the proxy writes it too; undefined for what is no address. */
function canonicalAddress(text: string): string | undefined {
  if (isIP(text) === 4) return text
  return isIP(text) === 6 && !text.includes('%')
    ? new URL(`http://[${text}]`).hostname.slice(1, -1)
    : undefined
}

function byAddress(a: BackendEndpoint, b: BackendEndpoint): number {
  return a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1
}
