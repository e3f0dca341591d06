import {
  findUntoleratedTaint,
  matchesNodeSelector,
  type Node,
  type Taint,
  tolerates,
} from '../../kube/index.ts'
import type { HostPort, NodeState, PodFacts } from './node-state.ts'

/** A node that is known, as filters and scores see it. */
export interface Candidate {
  readonly state: NodeState
  readonly node: Node
}

/** One reason why a node cannot take a pod. */
export interface Filter {
  readonly name: string
  /** Why not, in upstream's words, so that equal refusals of several nodes can be counted; empty when it can. */
  check(pod: PodFacts, candidate: Candidate): readonly string[]
}

const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }

const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }

/** In the order in which they are asked; the first one that refuses gives the reason. */
export const FILTERS: readonly Filter[] = [
  {
    name: 'NodeUnschedulable',
    check: ({ pod }, { node }) =>
      node.spec?.unschedulable &&
      !(pod.spec?.tolerations ?? []).some(toleration => tolerates(toleration, UNSCHEDULABLE))
        ? ['node(s) were unschedulable']
        : [],
  },
  {
    name: 'TaintToleration',
    check({ pod }, { node }) {
      const taint = findUntoleratedTaint(node.spec?.taints ?? [], pod.spec?.tolerations ?? [], [
        'NoSchedule',
        'NoExecute',
      ])
      return taint === undefined ? [] : [`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`]
    },
  },
  {
    // Node life cycle taints a node that is not ready; this holds in the moment before it does.
    name: 'NodeReady',
    check: (facts, { node }) => (isReady(node) || toleratesNotReady(facts) ? [] : ['node(s) were not ready']),
  },
  {
    name: 'NodeAffinity',
    check: (facts, { node }) =>
      matchesAffinity(facts, node) ? [] : ["node(s) didn't match Pod's node affinity/selector"],
  },
  {
    name: 'NodePorts',
    check: ({ hostPorts }, { state }) =>
      hostPorts.length > 0 && portsTaken(hostPorts, state)
        ? ["node(s) didn't have free ports for the requested pod ports"]
        : [],
  },
  { name: 'NodeResourcesFit', check: (facts, { state }) => lackingResources(facts, state) },
]

function isReady(node: Node): boolean {
  return (node.status?.conditions ?? []).some(
    condition => condition.type === 'Ready' && condition.status === 'True',
  )
}

function toleratesNotReady({ pod }: PodFacts): boolean {
  return (pod.spec?.tolerations ?? []).some(toleration => tolerates(toleration, NOT_READY))
}

/** Whether the pod may choose the node. */
export function matchesAffinity({ pod }: PodFacts, node: Node): boolean {
  const labels = node.metadata.labels ?? {}
  for (const [key, value] of Object.entries(pod.spec?.nodeSelector ?? {}))
    if (labels[key] !== value) return false
  const required = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required === undefined || matchesNodeSelector(required, node)
}

function portsTaken(wanted: readonly HostPort[], state: NodeState): boolean {
  for (const { hostPorts } of state.pods())
    for (const taken of hostPorts) if (wanted.some(port => conflicts(port, taken))) return true
  return false
}

function conflicts(a: HostPort, b: HostPort): boolean {
  return (
    a.port === b.port &&
    a.protocol === b.protocol &&
    (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0')
  )
}

function lackingResources({ requests }: PodFacts, state: NodeState): readonly string[] {
  const reasons: string[] = []
  if (state.podCount + 1 > state.allocatable('pods')) reasons.push('Too many pods')
  for (const [resource, amount] of requests)
    if (amount > 0 && amount > state.allocatable(resource) - state.requested(resource))
      reasons.push(`Insufficient ${resource}`)
  return reasons
}
