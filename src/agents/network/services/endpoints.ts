import { isIPv4 } from 'node:net'
import type { Endpoint, EndpointSlice } from '../../../kube/index.ts'

/** One address and port behind a service port. */
export interface Backend {
  readonly address: string
  readonly port: number
}

/** The backends that get traffic. */
export interface Backends {
  /** Of all nodes: those that are ready; when there are none, those that end but still serve. */
  readonly cluster: readonly Backend[]
  /** Of this host only, by the same rule. */
  readonly local: readonly Backend[]
  /** How many of this host are ready: what a load balancer's health check is told. */
  readonly localReady: number
}

/** Carried by every slice of a service. */
export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name'

export type Protocol = 'SCTP' | 'TCP' | 'UDP'

/**
 * The backends of one port of a service, by the port's name and protocol, from the IPv4 slices of the service; each once, in a fixed
 * order. As kube-proxy's `CategorizeEndpoints` (pkg/proxy/topology.go), without zones.
 */
export function backendsOf(
  port: { readonly name: string; readonly protocol: Protocol },
  slices: readonly EndpointSlice[],
  isLocalNode: (nodeName: string) => boolean,
): Backends {
  const found = new Map<string, Candidate>()
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue
    for (const { name = '', protocol = 'TCP', port: number } of slice.ports ?? []) {
      if (name !== port.name || protocol !== port.protocol || number === undefined) continue
      for (const endpoint of slice.endpoints) {
        const candidate = candidateOf(endpoint, number, isLocalNode)
        if (candidate === undefined) continue
        const key = `${candidate.address}:${number}`
        // While an endpoint moves from one slice to another it may be in both, once with an old state.
        if (found.get(key)?.ready !== true) found.set(key, candidate)
      }
    }
  }
  const all = [...found.values()].sort(compareBackends)
  const local = all.filter(({ isLocal }) => isLocal)
  return {
    cluster: eligible(all),
    local: eligible(local),
    localReady: local.filter(({ ready }) => ready).length,
  }
}

interface Candidate extends Backend {
  readonly isLocal: boolean
  readonly ready: boolean
  /** Ends, and still answers. */
  readonly ending: boolean
}

function candidateOf(
  { addresses, conditions = {}, nodeName }: Endpoint,
  port: number,
  isLocalNode: (nodeName: string) => boolean,
): Candidate | undefined {
  // The addresses of an endpoint are interchangeable; upstream uses the first.
  const [address] = addresses
  if (address === undefined || !isIPv4(address)) return undefined
  const ready = conditions.ready ?? true
  const serving = conditions.serving ?? ready
  return {
    address,
    port,
    isLocal: nodeName !== undefined && isLocalNode(nodeName),
    ready,
    ending: serving && conditions.terminating === true,
  }
}

function eligible(candidates: readonly Candidate[]): readonly Backend[] {
  const ready = candidates.filter(candidate => candidate.ready)
  const used = ready.length > 0 ? ready : candidates.filter(({ ending }) => ending)
  return used.map(({ address, port }) => ({ address, port }))
}

function compareBackends(a: Backend, b: Backend): number {
  return a.address < b.address ? -1 : a.address > b.address ? 1 : a.port - b.port
}
