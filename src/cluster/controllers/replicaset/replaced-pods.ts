import { isLeaving, type Pod } from '../../../kube/index.ts'
import { availableAt, isPodReady } from '../pod-state.ts'

/**
 * Of the active pods of a ReplicaSet those that are leaving and may go now: so many that what is available does not fall below
 * `replicas`. Those that are not ready serve nobody and go at once.
 */
export function replacedPods(
  pods: readonly Pod[],
  { replicas, minReadySeconds, now }: { replicas: number; minReadySeconds: number; now: number },
): readonly Pod[] {
  const isAvailable = (pod: Pod) => (availableAt(pod, minReadySeconds) ?? Number.POSITIVE_INFINITY) <= now
  const leaving = pods.filter(isLeaving)
  const idle = leaving.filter(pod => !isPodReady(pod))
  const surplus = Math.max(0, pods.filter(isAvailable).length - replicas)
  return [...idle, ...leaving.filter(isAvailable).slice(0, surplus)]
}
