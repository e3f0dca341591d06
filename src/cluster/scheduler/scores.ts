import { matchesNodeSelectorTerm, tolerates } from '../../kube/index.ts'
import type { Candidate } from './filters.ts'
import type { PodFacts } from './node-state.ts'

/** How much one consideration speaks for each of the nodes, 0 to 100 each. Compares all nodes that passed the filters. */
export type Score = (pod: PodFacts, candidates: readonly Candidate[]) => readonly number[]

const MAX = 100

/** What a pod that asks for nothing is taken to use, for scoring only (upstream's DefaultMilliCPURequest and -Memory). */
const ASSUMED: readonly { readonly resource: string; readonly amount: number }[] = [
  { resource: 'cpu', amount: 100 },
  { resource: 'memory', amount: 200 * 1024 * 1024 },
]

/** Prefers nodes that would be left with most room. */
export const leastAllocated: Score = (pod, candidates) =>
  candidates.map(candidate => MAX * (1 - mean(usage(pod, candidate))))

/** Prefers nodes that would be fullest: packs pods on few nodes. */
export const mostAllocated: Score = (pod, candidates) =>
  candidates.map(candidate => MAX * mean(usage(pod, candidate)))

/** Prefers nodes whose CPU and memory would be used in the same measure. */
export const balancedAllocation: Score = (pod, candidates) =>
  candidates.map(candidate => {
    const [cpu = 0, memory = 0] = usage(pod, candidate)
    return MAX * (1 - Math.abs(cpu - memory) / 2)
  })

/** Prefers nodes with fewer replicas of the same controller, so that one lost node takes few of them. */
export const spreadReplicas: Score = (pod, candidates) =>
  pod.controller === ''
    ? candidates.map(() => MAX)
    : fewest(candidates.map(({ state }) => state.replicasOf(pod.controller)))

/** Prefers nodes with fewer `PreferNoSchedule` taints that the pod does not tolerate. */
export const fewerTaints: Score = ({ pod }, candidates) => {
  const tolerations = pod.spec?.tolerations ?? []
  return fewest(
    candidates.map(
      ({ node }) =>
        (node.spec?.taints ?? []).filter(
          taint =>
            taint.effect === 'PreferNoSchedule' &&
            !tolerations.some(toleration => tolerates(toleration, taint)),
        ).length,
    ),
  )
}

/** Prefers nodes by the weights of the pod's preferred node affinity. */
export const preferredAffinity: Score = ({ pod }, candidates) => {
  const terms = pod.spec?.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
  if (terms.length === 0) return candidates.map(() => 0)
  return most(
    candidates.map(({ node }) =>
      terms.reduce(
        (sum, { preference, weight }) =>
          preference !== undefined && matchesNodeSelectorTerm(preference, node) ? sum + weight : sum,
        0,
      ),
    ),
  )
}

/** The share of CPU and of memory that would be in use with the pod, 0 to 1 each. */
function usage({ requests }: PodFacts, { state }: Candidate): readonly number[] {
  return ASSUMED.map(({ resource, amount }) => {
    const allocatable = state.allocatable(resource)
    if (allocatable === 0) return 1
    return Math.min(1, (state.requested(resource) + (requests.get(resource) || amount)) / allocatable)
  })
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function most(values: readonly number[]): readonly number[] {
  const max = Math.max(...values)
  return values.map(value => (max === 0 ? 0 : (MAX * value) / max))
}

/** 100 for the least, 0 for the most. */
function fewest(values: readonly number[]): readonly number[] {
  const max = Math.max(...values)
  const range = max - Math.min(...values)
  return values.map(value => (range === 0 ? MAX : (MAX * (max - value)) / range))
}
