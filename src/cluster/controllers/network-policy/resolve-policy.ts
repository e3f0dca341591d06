import {
  type LabelSelectorObject,
  type Labels,
  labelSelectorFromObject,
  matchesLabels,
  type NetworkPolicy,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  type Pod,
  type PolicyAllowance,
  type PolicyEndpointsPort,
  type PolicyEndpointsSpec,
  type PolicyIsolation,
} from '../../../kube/index.ts'
import { isPodTerminal } from '../pod-state.ts'

/** What selectors of a policy look through. */
export interface PolicyWorld {
  readonly pods: readonly Pod[]
  /** The labels of a namespace; undefined when there is none of that name. */
  readonly namespaceLabels: (name: string) => Labels | undefined
}

/** A policy with its peers as addresses, in a fixed order. What the policy leaves out means what it means upstream. */
export function resolvePolicy(policy: NetworkPolicy, world: PolicyWorld): PolicyEndpointsSpec {
  const { metadata, spec } = policy
  const { podSelector = {}, ingress = [], egress = [], policyTypes } = spec ?? {}
  // networking/v1 defaults: always Ingress, and Egress when there is a rule for it.
  const types = policyTypes ?? (egress.length > 0 ? ['Ingress', 'Egress'] : ['Ingress'])
  const namespace = metadata.namespace ?? ''
  const peersOf = (peers: readonly NetworkPolicyPeer[] | undefined) => findPeers(peers, namespace, world)
  return {
    podSelector,
    ...(types.includes('Ingress') && {
      ingress: isolation(ingress.map(({ from, ports }) => ingressAllowance(peersOf(from), ports))),
    }),
    ...(types.includes('Egress') && {
      egress: isolation(egress.flatMap(({ to, ports }) => egressAllowances(peersOf(to), ports, world))),
    }),
  }
}

/** Whether a pod, as a peer, has anything to say: an address of its own, and not the host's. */
export function isPeer(pod: Pod): boolean {
  return (pod.status?.podIP ?? '') !== '' && pod.spec?.hostNetwork !== true && !isPodTerminal(pod)
}

interface Peers {
  readonly any: boolean
  readonly pods: readonly Pod[]
  readonly networks: readonly NonNullable<NetworkPolicyPeer['ipBlock']>[]
}

function isolation(allow: readonly PolicyAllowance[]): PolicyIsolation {
  return { allow }
}

function findPeers(
  peers: readonly NetworkPolicyPeer[] | undefined,
  namespace: string,
  world: PolicyWorld,
): Peers {
  if (peers === undefined || peers.length === 0) return { any: true, pods: [], networks: [] }
  const matchers = peers.flatMap(peer =>
    peer.ipBlock === undefined ? [peerMatcher(peer, namespace, world)] : [],
  )
  return {
    any: false,
    pods: world.pods.filter(pod => isPeer(pod) && matchers.some(matches => matches(pod))),
    networks: peers.flatMap(({ ipBlock }) => ipBlock ?? []),
  }
}

function peerMatcher(
  { podSelector, namespaceSelector }: NetworkPolicyPeer,
  namespace: string,
  { namespaceLabels }: PolicyWorld,
): (pod: Pod) => boolean {
  const isSelected = matcher(podSelector)
  const isSelectedNamespace = matcher(namespaceSelector)
  return ({ metadata }) => {
    const own = metadata.namespace ?? ''
    const isThere =
      namespaceSelector === undefined ? own === namespace : isSelectedNamespace(namespaceLabels(own))
    return isThere && isSelected(metadata.labels)
  }
}

/** An absent selector of a peer selects everything. */
function matcher(selector: LabelSelectorObject | undefined): (labels: Labels) => boolean {
  const parsed = labelSelectorFromObject(selector ?? {})
  return labels => matchesLabels(parsed, labels)
}

function ingressAllowance(peers: Peers, ports: readonly NetworkPolicyPort[] | undefined): PolicyAllowance {
  return {
    ...peerFields(peers),
    ...(ports !== undefined && ports.length > 0 && { ports: ports.map(portOf) }),
  }
}

/**
 * Named ports are those of the pods that accept: of ingress the isolated pod's, which its agent knows; of egress the peers', so that each
 * number becomes an allowance of its own for the pods that call it so.
 */
function egressAllowances(
  peers: Peers,
  ports: readonly NetworkPolicyPort[] | undefined,
  world: PolicyWorld,
): readonly PolicyAllowance[] {
  if (ports === undefined || ports.length === 0) return [peerFields(peers)]
  const numbered = ports.filter(({ port }) => typeof port !== 'string').map(portOf)
  const candidates = peers.any ? world.pods.filter(isPeer) : peers.pods
  return [
    ...(numbered.length > 0 ? [{ ...peerFields(peers), ports: numbered }] : []),
    ...ports.flatMap(port => namedAllowances(port, candidates)),
  ]
}

function namedAllowances(
  { port: name, protocol = 'TCP' }: NetworkPolicyPort,
  pods: readonly Pod[],
): readonly PolicyAllowance[] {
  if (typeof name !== 'string') return []
  const byNumber = new Map<number, Pod[]>()
  for (const pod of pods) {
    const port = (pod.spec?.containers ?? [])
      .flatMap(({ ports = [] }) => ports)
      .find(candidate => candidate.name === name && (candidate.protocol ?? 'TCP') === protocol)
    if (port === undefined) continue
    const same = byNumber.get(port.containerPort) ?? []
    byNumber.set(port.containerPort, [...same, pod])
  }
  return [...byNumber]
    .sort(([a], [b]) => a - b)
    .map(([number, named]) => ({ addresses: addressesOf(named), ports: [{ protocol, port: number }] }))
}

function peerFields({ any, pods, networks }: Peers): PolicyAllowance {
  if (any) return { anyPeer: true }
  const addresses = addressesOf(pods)
  return { ...(addresses.length > 0 && { addresses }), ...(networks.length > 0 && { networks }) }
}

function addressesOf(pods: readonly Pod[]): readonly string[] {
  return [...new Set(pods.flatMap(({ status }) => status?.podIP ?? []))].sort()
}

function portOf({ port, endPort, protocol = 'TCP' }: NetworkPolicyPort): PolicyEndpointsPort {
  if (typeof port === 'string') return { protocol, name: port }
  return { protocol, ...(port !== undefined && { port }), ...(endPort !== undefined && { endPort }) }
}
