import type { Deployment } from '../../kube/generated/types.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Health } from './health.ts'
import { notObserved } from './observed.ts'

/** As `kubectl rollout status` judges it, and paused counts as healthy: nothing more will come of waiting. */
export function deploymentHealth(object: KubeObject): Health {
  const { spec, status = {} } = object as Deployment
  const unseen = notObserved(object, status.observedGeneration)
  if (unseen !== undefined) return unseen

  const wanted = spec?.replicas ?? 1
  const updated = status.updatedReplicas ?? 0
  const available = status.availableReplicas ?? 0
  const progress = status.conditions?.find(condition => condition.type === 'Progressing')
  if (progress?.reason === 'ProgressDeadlineExceeded')
    return { state: 'failed', reason: progress.message ?? 'exceeded its progress deadline' }
  const old = (status.replicas ?? 0) - updated
  if (spec?.paused === true) return paused(old)

  const failure = status.conditions?.find(
    ({ type, status }) => type === 'ReplicaFailure' && status === 'True',
  )
  const why = failure?.message === undefined ? '' : `: ${failure.message}`
  if (updated < wanted) return progressing(`${updated} of ${wanted} replicas are updated${why}`)
  if (old > 0) return progressing(`${old} old ${old === 1 ? 'replica is' : 'replicas are'} ending`)
  if (available < updated) return progressing(`${available} of ${updated} replicas are available${why}`)
  return { state: 'healthy', reason: `${available} of ${wanted} replicas are available` }
}

function paused(old: number): Health {
  const pods = old === 1 ? '1 pod is' : `${old} pods are`
  const caveat = `is paused: ${pods} as before until it is resumed`
  return { state: 'healthy', reason: 'is paused', ...(old > 0 && { caveat }) }
}

function progressing(reason: string): Health {
  return { state: 'progressing', reason }
}
