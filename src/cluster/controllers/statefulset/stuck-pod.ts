import type { ContainerStatus, Pod } from '../../../kube/index.ts'
import { isPodReady } from '../pod-state.ts'

/** Reasons for which a container waits that say nothing but that it has not come to it yet. */
const ON_ITS_WAY: ReadonlySet<string> = new Set(['', 'ContainerCreating', 'PodInitializing'])

/**
 * Whether an outdated pod that is not ready will hardly become it, so that an ordered update may replace it at once instead of waiting.
 * Upstream waits for ever, and somebody has to delete the pod by hand even after the mistake was taken back ("forced rollback" in
 * its documentation). Such a pod serves nothing and its replacement is wanted anyhow, but one that takes long to recover is left to it:
 * so it is stuck only when its revision is `abandoned` (neither the one before the update nor the wanted one), or when it cannot be scheduled or
 * its containers cannot be started or keep failing.
 */
export function isStuck(pod: Pod, isAbandoned: boolean): boolean {
  if (isPodReady(pod)) return false
  return isAbandoned || isUnschedulable(pod) || statusesOf(pod).some(isFailing)
}

function isUnschedulable({ status }: Pod): boolean {
  return (status?.conditions ?? []).some(
    ({ type, status: value, reason }) =>
      type === 'PodScheduled' && value === 'False' && reason === 'Unschedulable',
  )
}

function isFailing({ state }: ContainerStatus): boolean {
  return state?.waiting !== undefined && !ON_ITS_WAY.has(state.waiting.reason ?? '')
}

function statusesOf({ status }: Pod): readonly ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
}
