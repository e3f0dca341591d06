import { type Candidate, FILTERS, type Filter } from './filters.ts'
import type { NodeState, PodFacts } from './node-state.ts'
import type { SchedulerProfile } from './profiles.ts'

/** Why one node cannot take the pod. */
export interface Refusal {
  readonly node: string
  readonly filter: string
  /** In upstream's words. */
  readonly reasons: readonly string[]
}

export type Choice =
  | { readonly node: string }
  | { readonly node: undefined; readonly refusals: readonly Refusal[] }

/**
 * The node for a pod: of those that pass every filter the one with the highest score, and of equal ones the one that a hash
 * of pod and node puts first, so that the same question has the same answer. Pure.
 */
export function pickNode(
  pod: PodFacts,
  states: Iterable<NodeState>,
  profile: SchedulerProfile,
  filters: readonly Filter[] = FILTERS,
): Choice {
  const candidates: Candidate[] = []
  const refusals: Refusal[] = []
  for (const state of states) {
    if (state.node === undefined) continue
    const candidate = { state, node: state.node }
    const refusal = refuse(pod, candidate, filters)
    if (refusal === undefined) candidates.push(candidate)
    else refusals.push(refusal)
  }
  if (candidates.length === 0) return { node: undefined, refusals }
  if (candidates.length === 1) return { node: candidates[0]!.state.name }
  return { node: best(pod, candidates, profile) }
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`: how often each reason was given. */
export function explainRefusals(refusals: readonly Refusal[]): string {
  if (refusals.length === 0) return 'no nodes available to schedule pods'
  const counts = new Map<string, number>()
  for (const { reasons } of refusals)
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort()
  return `0/${refusals.length} nodes are available: ${parts.join(', ')}.`
}

/** Whether a node passes every filter. */
export function canTake(pod: PodFacts, state: NodeState): boolean {
  return state.node !== undefined && refuse(pod, { state, node: state.node }, FILTERS) === undefined
}

function refuse(pod: PodFacts, candidate: Candidate, filters: readonly Filter[]): Refusal | undefined {
  for (const filter of filters) {
    const reasons = filter.check(pod, candidate)
    if (reasons.length > 0) return { node: candidate.state.name, filter: filter.name, reasons }
  }
  return undefined
}

function best(pod: PodFacts, candidates: readonly Candidate[], profile: SchedulerProfile): string {
  const totals = candidates.map(() => 0)
  for (const { score, weight } of profile.scores)
    score(pod, candidates).forEach((value, index) => {
      totals[index] = totals[index]! + weight * value
    })
  // Floating point sums of equal parts may differ in the last digits.
  const highest = Math.max(...totals) - 1e-6
  const equals = candidates.filter((_, index) => totals[index]! >= highest)
  const names = equals.map(({ state }) => state.name)
  const uid = pod.pod.metadata.uid ?? ''
  return names.reduce((a, b) => (hash(uid + b) < hash(uid + a) ? b : a))
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++)
    value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  return value >>> 0
}
