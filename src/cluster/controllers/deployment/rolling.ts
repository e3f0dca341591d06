import type { Deployment, ReplicaSet } from '../../../kube/index.ts'
import { budgetOf, replicasOf } from './budget.ts'
import type { Scale } from './scaling.ts'

/** How many pods the new ReplicaSet may ask for now: as many as `maxSurge` leaves room for. */
export function nextReplicasOfNew(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): number {
  const wanted = replicasOf(deployment)
  if (deployment.spec?.strategy?.type === 'Recreate') return wanted
  const has = current === undefined ? 0 : replicasOf(current)
  if (has >= wanted) return wanted
  const total = has + sum(old, replicasOf)
  const room = wanted + budgetOf(deployment).maxSurge - total
  return room <= 0 ? has : has + Math.min(room, wanted - has)
}

/**
 * How far the old ReplicaSets may shrink now: first by pods that serve nobody anyway, then by as many as leave
 * `maxUnavailable` intact, the oldest ReplicaSet first. The pods that the new one still lacks count as unavailable, so
 * that a revision that never becomes ready cannot use up the old one.
 */
export function shrinkOld(
  deployment: Deployment,
  current: ReplicaSet,
  old: readonly ReplicaSet[],
): readonly Scale[] {
  if (sum(old, replicasOf) === 0) return []
  const minAvailable = replicasOf(deployment) - budgetOf(deployment).maxUnavailable
  const missing = replicasOf(current) - availableOf(current)
  let spare = sum([current, ...old], replicasOf) - minAvailable - missing
  if (spare <= 0) return []

  const sizes = new Map(old.map(replicaSet => [replicaSet, replicasOf(replicaSet)]))
  for (const replicaSet of old) {
    const unhealthy = Math.min(spare, Math.max(0, replicasOf(replicaSet) - availableOf(replicaSet)))
    sizes.set(replicaSet, replicasOf(replicaSet) - unhealthy)
    spare -= unhealthy
  }
  let redundant = sum([current, ...old], availableOf) - minAvailable
  for (const replicaSet of old) {
    if (redundant <= 0) break
    const size = sizes.get(replicaSet) ?? 0
    const less = Math.min(redundant, size)
    sizes.set(replicaSet, size - less)
    redundant -= less
  }
  return [...sizes]
    .filter(([replicaSet, replicas]) => replicas !== replicasOf(replicaSet))
    .map(([replicaSet, replicas]) => ({ replicaSet, replicas }))
}

/** Its status may lag behind its spec: pods that are about to go serve nobody. */
function availableOf(replicaSet: ReplicaSet): number {
  return Math.min(replicasOf(replicaSet), replicaSet.status?.availableReplicas ?? 0)
}

function sum(replicaSets: readonly ReplicaSet[], of: (replicaSet: ReplicaSet) => number): number {
  return replicaSets.reduce((total, replicaSet) => total + of(replicaSet), 0)
}
