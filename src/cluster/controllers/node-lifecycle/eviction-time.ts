import { type Pod, parseTime, type Taint, tolerates } from '../../../kube/index.ts'

/**
 * When a pod must leave a node with these NoExecute taints, in ms since the epoch; undefined when it may stay. A taint
 * counts from when it was added (or the pod was made, if later), so that a restart of the server gives no pod more time.
 */
export function evictionTime(pod: Pod, taints: readonly Taint[], now: number): number | undefined {
  const created = parseTime(pod.metadata.creationTimestamp) ?? 0
  const times = taints.map(taint => {
    const toleratedMs = tolerationMs(pod, taint)
    return Math.max(parseTime(taint.timeAdded) ?? now, created) + toleratedMs
  })
  const earliest = Math.min(...times, Number.POSITIVE_INFINITY)
  return earliest === Number.POSITIVE_INFINITY ? undefined : earliest
}

/**
 * Of several tolerations that cover a taint the shortest counts; one without a time lasts for ever. Every pod has those
 * of 300 s for a lost node, from its admission.
 */
function tolerationMs(pod: Pod, taint: Taint): number {
  const covering = (pod.spec?.tolerations ?? []).filter(toleration => tolerates(toleration, taint))
  if (covering.length === 0) return 0
  return Math.min(
    ...covering.map(({ tolerationSeconds }) =>
      tolerationSeconds === undefined ? Number.POSITIVE_INFINITY : Math.max(0, tolerationSeconds) * 1000,
    ),
  )
}
