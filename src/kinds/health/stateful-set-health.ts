import type { StatefulSet } from '../../kube/generated/types.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Health } from './health.ts'
import { notObserved } from './observed.ts'

/**
 * As `kubectl rollout status` judges it: as many pods are ready as are wanted, and those from the partition on are of the newest
 * template. Pods that wait for somebody to delete them (`OnDelete`) are no reason to wait.
 */
export function statefulSetHealth(object: KubeObject): Health {
  const { spec, status } = object as StatefulSet
  const unseen = notObserved(object, status?.observedGeneration)
  if (unseen !== undefined) return unseen

  const { replicas: wanted = 1, updateStrategy } = spec ?? {}
  const { replicas = 0, availableReplicas: available = 0, updatedReplicas: updated = 0 } = status ?? {}
  const partition = updateStrategy?.rollingUpdate?.partition ?? 0
  const due = updateStrategy?.type === 'OnDelete' ? 0 : Math.max(0, wanted - partition)
  if (updated < due) return progressing(`${updated} of ${due} replicas are updated`)
  if (replicas > wanted) {
    const ending = replicas - wanted
    return progressing(`${ending} ${ending === 1 ? 'replica is' : 'replicas are'} ending`)
  }
  const reason = `${available} of ${wanted} replicas are available`
  if (available < wanted) return progressing(reason)
  const left = wanted - updated
  if (left <= 0) return { state: 'healthy', reason }
  const why = updateStrategy?.type === 'OnDelete' ? 'until they are deleted' : 'below the partition'
  return { state: 'healthy', reason: `${reason}, ${left} of them old ${why}` }
}

function progressing(reason: string): Health {
  return { state: 'progressing', reason }
}
