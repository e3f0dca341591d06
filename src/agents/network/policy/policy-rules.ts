import { isIPv4 } from 'node:net'
import {
  type Labels,
  labelSelectorFromObject,
  matchesLabels,
  type PolicyAllowance,
  type PolicyEndpoints,
  type PolicyEndpointsPort,
} from '../../../kube/index.ts'
import { contentChain, type Fragment, namedSet } from '../nft/index.ts'
import { isIpv4Network, type LocalPod, PROTOCOL_NUMBERS } from '../services/index.ts'

type Direction = 'ingress' | 'egress'

/**
 * What the policies that select pods of this node want in the table. A pod that some policy isolates has an entry in `ingress` or
 * `egress`, with a chain that returns for what any of its policies allows and drops the rest; pods with the same policies share it.
 * Addresses of peers are in sets of their own, so that a peer more or less is one element and leaves the chains as they are.
 */
export function policyFragment(policies: readonly PolicyEndpoints[], pods: readonly LocalPod[]): Fragment {
  const byNamespace = new Map<string, PolicyEndpoints[]>()
  for (const policy of policies) {
    const namespace = policy.metadata.namespace ?? ''
    byNamespace.set(namespace, [...(byNamespace.get(namespace) ?? []), policy])
  }
  for (const held of byNamespace.values()) held.sort(byName)
  const rules = new PolicyRules()
  for (const pod of pods) {
    const selecting = (byNamespace.get(pod.namespace) ?? []).filter(policy => selects(policy, pod.labels))
    for (const direction of ['ingress', 'egress'] as const) rules.isolate(pod, direction, selecting)
  }
  return rules
}

/** Whether a policy isolates pods with these labels in its namespace. A selector that cannot be selects nothing. */
export function selects({ spec }: PolicyEndpoints, labels: Labels): boolean {
  try {
    return matchesLabels(labelSelectorFromObject(spec.podSelector), labels)
  } catch {
    return false
  }
}

class PolicyRules implements Fragment {
  readonly #chains = new Map<string, ReturnType<typeof contentChain>>()
  readonly #sets = new Map<string, ReturnType<typeof namedSet>>()
  readonly elements: { readonly of: string; readonly key: string; readonly value?: string }[] = []

  get chains() {
    return [...this.#chains.values()]
  }

  get sets() {
    return [...this.#sets.values()]
  }

  isolate(pod: LocalPod, direction: Direction, policies: readonly PolicyEndpoints[]): void {
    const isolating = policies.filter(({ spec }) => spec[direction] !== undefined)
    if (isolating.length === 0) return
    const rules = isolating.flatMap(policy =>
      (policy.spec[direction]?.allow ?? []).flatMap((allowance, index) =>
        this.#allow(
          allowance,
          direction,
          pod,
          `${policy.metadata.namespace}/${policy.metadata.name}/${index}`,
        ),
      ),
    )
    const chain = contentChain(`${direction}/${pod.namespace}`, [...rules, 'drop'])
    this.#chains.set(chain.name, chain)
    this.elements.push({ of: direction, key: pod.address, value: `jump ${chain.name}` })
  }

  #allow(allowance: PolicyAllowance, direction: Direction, pod: LocalPod, label: string): readonly string[] {
    const ports = portMatches(allowance.ports, pod)
    return this.#peerMatches(allowance, direction, label).flatMap(peer =>
      ports.map(port => [peer, port, 'return'].filter(part => part !== '').join(' ')),
    )
  }

  #peerMatches(
    { anyPeer, addresses = [], networks = [] }: PolicyAllowance,
    direction: Direction,
    label: string,
  ): readonly string[] {
    if (anyPeer) return ['']
    const side = direction === 'ingress' ? 'ip saddr' : 'ip daddr'
    const matches: string[] = []
    // The set is there even when nobody is in it yet, so that the first peer is an element and no other chain.
    const peers = namedSet(`peers/${label}`, direction, 'type ipv4_addr;')
    const isKnown = this.#sets.has(peers.name)
    this.#sets.set(peers.name, peers)
    matches.push(`${side} @${peers.name}`)
    if (!isKnown)
      for (const address of addresses.filter(isIPv4)) this.elements.push({ of: peers.name, key: address })
    for (const { cidr, except = [] } of networks) {
      if (!isIpv4Network(cidr)) continue
      const without = except.filter(isIpv4Network).map(network => `${side} != ${network}`)
      matches.push([`${side} ${cidr}`, ...without].join(' '))
    }
    return matches
  }
}

/** The ports of a connection as matches, each an alternative; one empty match for all of them. */
function portMatches(ports: readonly PolicyEndpointsPort[] | undefined, pod: LocalPod): readonly string[] {
  if (ports === undefined) return ['']
  return ports.flatMap(({ protocol, port, endPort, name }) => {
    const match = `meta l4proto ${PROTOCOL_NUMBERS[protocol]}`
    if (name !== undefined)
      return pod.ports
        .filter(candidate => candidate.name === name && candidate.protocol === protocol)
        .map(({ containerPort }) => `${match} th dport ${containerPort}`)
    if (port === undefined) return [match]
    return [`${match} th dport ${endPort === undefined ? port : `${port}-${endPort}`}`]
  })
}

function byName(a: PolicyEndpoints, b: PolicyEndpoints): number {
  const [one = '', other = ''] = [a.metadata.name, b.metadata.name]
  return one < other ? -1 : one > other ? 1 : 0
}
