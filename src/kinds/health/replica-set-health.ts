import type { ReplicaSet } from '../../kube/generated/types.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Health } from './health.ts'
import { notObserved } from './observed.ts'

/** Healthy when as many replicas are available as are wanted, and no more run. */
export function replicaSetHealth(object: KubeObject): Health {
  const { spec, status } = object as ReplicaSet
  const unseen = notObserved(object, status?.observedGeneration)
  if (unseen !== undefined) return unseen

  const wanted = spec?.replicas ?? 1
  const available = status?.availableReplicas ?? 0
  const failure = status?.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  )
  const why = failure?.message === undefined ? '' : `: ${failure.message}`
  const settled = available >= wanted && (status?.replicas ?? 0) <= wanted
  return {
    state: settled ? 'healthy' : 'progressing',
    reason: `${available} of ${wanted} replicas are available${settled ? '' : why}`,
  }
}
