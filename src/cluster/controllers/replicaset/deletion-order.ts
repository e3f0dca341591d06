import { type Pod, parseTime } from '../../../kube/index.ts'
import { isPodReady, readySince, restartsOf } from '../pod-state.ts'

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost'

interface Ranked {
  readonly pod: Pod
  /** How many pods of the same workload run on its node. */
  readonly neighbours: number
}

/**
 * `pods` with the ones to delete first in front (kubernetes `pkg/controller/controller_utils.go`, ActivePodsWithRanks): not
 * assigned before assigned, pending before unknown before running, not ready before ready, cheaper before dearer, on a
 * crowded node before on an empty one, ready for a short while before long, more restarts before fewer, younger before
 * older; at last by uid. Times count by orders of magnitude, so that it is not always the youngest that goes.
 * `related` are the active pods of the whole workload, those of its other revisions too.
 */
export function inDeletionOrder(pods: readonly Pod[], related: readonly Pod[], now: number): readonly Pod[] {
  const onNode = new Map<string, number>()
  for (const pod of related) {
    const node = pod.spec?.nodeName
    if (node) onNode.set(node, (onNode.get(node) ?? 0) + 1)
  }
  return pods
    .map(pod => ({ pod, neighbours: onNode.get(pod.spec?.nodeName ?? '') ?? 0 }))
    .sort((a, b) => compare(a, b, now))
    .map(({ pod }) => pod)
}

function compare(a: Ranked, b: Ranked, now: number): number {
  return (
    Number(Boolean(a.pod.spec?.nodeName)) - Number(Boolean(b.pod.spec?.nodeName)) ||
    phaseRank(a.pod) - phaseRank(b.pod) ||
    Number(isPodReady(a.pod)) - Number(isPodReady(b.pod)) ||
    deletionCost(a.pod) - deletionCost(b.pod) ||
    b.neighbours - a.neighbours ||
    compareAges(readySince(a.pod), readySince(b.pod), now) ||
    restartsOf(b.pod) - restartsOf(a.pod) ||
    compareAges(
      parseTime(a.pod.metadata.creationTimestamp),
      parseTime(b.pod.metadata.creationTimestamp),
      now,
    ) ||
    compareTexts(a.pod.metadata.uid ?? '', b.pod.metadata.uid ?? '')
  )
}

function phaseRank(pod: Pod): number {
  const rank = ['Pending', 'Unknown', 'Running'].indexOf(pod.status?.phase ?? 'Pending')
  return rank === -1 ? 0 : rank
}

function deletionCost(pod: Pod): number {
  const cost = Number(pod.metadata.annotations?.[DELETION_COST] ?? 0)
  return Number.isInteger(cost) ? cost : 0
}

/** Shorter first, by powers of two; what has no time yet comes before all. */
function compareAges(a: number | undefined, b: number | undefined, now: number): number {
  return magnitude(a, now) - magnitude(b, now)
}

function magnitude(time: number | undefined, now: number): number {
  return time === undefined ? -1 : Math.floor(Math.log2(Math.max(1, now - time)))
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
