import { findUntoleratedTaint, type Labels, matchesLabels, type Node, type Pod } from '../../kube/index.ts'
import { type Filter, matchesAffinity } from './filters.ts'
import type { NodeState, PodFacts } from './node-state.ts'
import type { PodRelations, PodTerm, SpreadRule } from './pod-relations.ts'

export interface RelationWorld {
  states(): Iterable<NodeState>
  namespaceLabels(name: string): Labels
}

/** Why a node will not do; undefined when it will. */
type Check = (node: Node) => string | undefined

/**
 * Refuses the nodes where other pods are, or are not, against what the pod requires, or what they require (upstream's PodTopologySpread and
 * InterPodAffinity). The places of other pods are looked at once, for all nodes.
 */
export function relationFilter(facts: PodFacts, world: RelationWorld): Filter {
  const { relations } = facts
  const checks: Check[] = []
  if (relations !== undefined) {
    checks.push(...spreadChecks(facts, relations.spread, world))
    if (relations.affinity.length > 0) checks.push(affinityCheck(facts.pod, relations, world))
    if (relations.antiAffinity.length > 0) checks.push(antiAffinityCheck(relations, world))
  }
  checks.push(guardsCheck(facts.pod, world))
  return {
    name: 'PodRelations',
    check(_pod, { node }) {
      for (const check of checks) {
        const reason = check(node)
        if (reason !== undefined) return [reason]
      }
      return []
    },
  }
}

/** Places, each a label of nodes and its value. */
class Places {
  readonly #values = new Map<string, Set<string>>()

  add(key: string, node: Node): void {
    const value = labelOf(node, key)
    if (value === undefined) return
    const values = this.#values.get(key)
    if (values === undefined) this.#values.set(key, new Set([value]))
    else values.add(value)
  }

  get isEmpty(): boolean {
    return this.#values.size === 0
  }

  /** Whether the node is in one of them that the key tells apart. */
  holds(node: Node, key: string): boolean {
    const value = labelOf(node, key)
    return value !== undefined && this.#values.get(key)?.has(value) === true
  }

  holdsAny(node: Node): boolean {
    for (const key of this.#values.keys()) if (this.holds(node, key)) return true
    return false
  }
}

/** The first pod of a group that wants to be together has nobody to be with. */
function affinityCheck(pod: Pod, { affinity }: PodRelations, world: RelationWorld): Check {
  const isMeant = (other: Pod) => affinity.every(term => matchesTerm(term, other, world))
  const places = new Places()
  eachPod(world, (other, node) => {
    if (isMeant(other)) for (const { topologyKey } of affinity) places.add(topologyKey, node)
  })
  const isFirst = places.isEmpty && isMeant(pod)
  return node => {
    const isTold = affinity.every(({ topologyKey }) => labelOf(node, topologyKey) !== undefined)
    const isWith = isFirst || affinity.every(({ topologyKey }) => places.holds(node, topologyKey))
    return isTold && isWith ? undefined : "node(s) didn't match pod affinity rules"
  }
}

function antiAffinityCheck({ antiAffinity }: PodRelations, world: RelationWorld): Check {
  const places = new Places()
  eachPod(world, (other, node) => {
    for (const term of antiAffinity) if (matchesTerm(term, other, world)) places.add(term.topologyKey, node)
  })
  return node => (places.holdsAny(node) ? "node(s) didn't match pod anti-affinity rules" : undefined)
}

/** What pods that are there keep away. */
function guardsCheck(pod: Pod, world: RelationWorld): Check {
  const places = new Places()
  for (const state of world.states())
    for (const { relations } of state.guards())
      for (const term of relations?.antiAffinity ?? [])
        if (state.node !== undefined && matchesTerm(term, pod, world))
          places.add(term.topologyKey, state.node)
  return node =>
    places.holdsAny(node) ? "node(s) didn't satisfy existing pods anti-affinity rules" : undefined
}

function spreadChecks(facts: PodFacts, rules: readonly SpreadRule[], world: RelationWorld): readonly Check[] {
  const isTold = (node: Node) => rules.every(({ topologyKey }) => labelOf(node, topologyKey) !== undefined)
  return rules.map(rule => {
    const counts = new Map<string, number>()
    for (const state of world.states()) {
      const { node } = state
      if (node === undefined || !isTold(node) || !isPlace(rule, facts, node)) continue
      const place = labelOf(node, rule.topologyKey) ?? ''
      counts.set(place, (counts.get(place) ?? 0) + countIn(state, rule, facts.pod))
    }
    const least = counts.size < rule.minDomains ? 0 : Math.min(...counts.values())
    const own = matchesLabels(rule.selector, facts.pod.metadata.labels) ? 1 : 0
    return node => {
      const place = labelOf(node, rule.topologyKey)
      if (place === undefined) return `${SPREAD} (missing required label)`
      return (counts.get(place) ?? 0) + own - least > rule.maxSkew ? SPREAD : undefined
    }
  })
}

const SPREAD = "node(s) didn't match pod topology spread constraints"

function isPlace({ countsUnselected, countsTainted }: SpreadRule, facts: PodFacts, node: Node): boolean {
  if (!countsUnselected && !matchesAffinity(facts, node)) return false
  const { taints = [] } = node.spec ?? {}
  const { tolerations = [] } = facts.pod.spec ?? {}
  return countsTainted || findUntoleratedTaint(taints, tolerations, ['NoSchedule', 'NoExecute']) === undefined
}

/** Pods that are ending leave their place already. */
function countIn(state: NodeState, { selector }: SpreadRule, { metadata }: Pod): number {
  let count = 0
  for (const { pod } of state.pods())
    if (
      pod.metadata.namespace === metadata.namespace &&
      pod.metadata.deletionTimestamp === undefined &&
      matchesLabels(selector, pod.metadata.labels)
    )
      count += 1
  return count
}

function eachPod(world: RelationWorld, look: (pod: Pod, node: Node) => void): void {
  for (const state of world.states()) {
    const { node } = state
    if (node !== undefined) for (const { pod } of state.pods()) look(pod, node)
  }
}

function matchesTerm(term: PodTerm, { metadata }: Pod, world: RelationWorld): boolean {
  if (!matchesLabels(term.selector, metadata.labels)) return false
  const namespace = metadata.namespace ?? ''
  return (
    term.namespaces.has(namespace) || matchesLabels(term.namespaceSelector, world.namespaceLabels(namespace))
  )
}

function labelOf({ metadata }: Node, key: string): string | undefined {
  const { labels = {} } = metadata
  return Object.hasOwn(labels, key) ? labels[key] : undefined
}
