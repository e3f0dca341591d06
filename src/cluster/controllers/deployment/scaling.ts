import type { Deployment, ReplicaSet } from '../../../kube/index.ts'
import { budgetOf, replicasOf } from './budget.ts'
import {
  byCreation,
  desiredReplicasOf,
  latestRevision,
  maxReplicasOf,
  type Revisions,
  revisionOf,
} from './revisions.ts'

/** A ReplicaSet and how many pods it should ask for. */
export interface Scale {
  readonly replicaSet: ReplicaSet
  readonly replicas: number
}

/** Whether someone changed the Deployment's replicas since its ReplicaSets were last scaled. */
export function isScaled(deployment: Deployment, { current, old }: Revisions): boolean {
  return active([...(current ? [current] : []), ...old]).some(replicaSet => {
    const desired = desiredReplicasOf(replicaSet)
    return desired !== undefined && desired !== replicasOf(deployment)
  })
}

/**
 * How a change of the Deployment's replicas is shared out, with no regard to a roll-out that may be under way: all to the
 * one that is active; else, in the midst of a roll-out, to each in proportion to its size, so that the share of the new
 * revision stays what it was; and once the new revision is complete, none to the old ones.
 */
export function shareOut(deployment: Deployment, revisions: Revisions): readonly Scale[] {
  const replicas = replicasOf(deployment)
  const { current, old } = revisions
  const only = activeOrLatest(revisions)
  if (only !== undefined) return [{ replicaSet: only, replicas }]
  if (current !== undefined && isSaturated(deployment, current))
    return active(old).map(replicaSet => ({ replicaSet, replicas: 0 }))
  if (deployment.spec?.strategy?.type === 'Recreate') return []
  return inProportion(deployment, active([...old, ...(current ? [current] : [])]))
}

/** The only active ReplicaSet; with none, the one to be active next; undefined with several. */
function activeOrLatest({ current, old }: Revisions): ReplicaSet | undefined {
  const running = active([...old, ...(current ? [current] : [])])
  if (running.length > 1) return undefined
  return running[0] ?? current ?? old.find(one => revisionOf(one) === latestRevision(old))
}

/** It has all the pods that the Deployment wants, and was meant to have them. */
function isSaturated(deployment: Deployment, replicaSet: ReplicaSet): boolean {
  const replicas = replicasOf(deployment)
  return (
    desiredReplicasOf(replicaSet) === replicas &&
    replicasOf(replicaSet) === replicas &&
    (replicaSet.status?.availableReplicas ?? 0) === replicas
  )
}

function inProportion(deployment: Deployment, replicaSets: readonly ReplicaSet[]): readonly Scale[] {
  const replicas = replicasOf(deployment)
  const allowed = replicas > 0 ? replicas + budgetOf(deployment).maxSurge : 0
  const toAdd = allowed - replicaSets.reduce((sum, one) => sum + replicasOf(one), 0)
  // The largest first; of equal ones the newest when there is to gain and the oldest when there is to lose.
  const ordered = [...replicaSets].sort(
    (a, b) => replicasOf(b) - replicasOf(a) || (toAdd > 0 ? byCreation(b, a) : byCreation(a, b)),
  )
  let added = 0
  const shares = ordered.map(replicaSet => {
    const share = shareOf(deployment, replicaSet, { allowed, left: toAdd - added })
    added += share
    return { replicaSet, replicas: replicasOf(replicaSet) + share }
  })
  // Rounding leaves a rest: the first takes it.
  return shares.map((share, index) =>
    index === 0 ? { ...share, replicas: Math.max(0, share.replicas + toAdd - added) } : share,
  )
}

function shareOf(
  deployment: Deployment,
  replicaSet: ReplicaSet,
  { allowed, left }: { readonly allowed: number; readonly left: number },
): number {
  const size = replicasOf(replicaSet)
  if (size === 0 || left === 0) return 0
  const before = maxReplicasOf(replicaSet) ?? deployment.status?.replicas ?? 0
  const share = allowed === 0 || before === 0 ? -size : Math.round((size * allowed) / before) - size
  return left > 0 ? Math.min(share, left) : Math.max(share, left)
}

function active(replicaSets: readonly ReplicaSet[]): readonly ReplicaSet[] {
  return replicaSets.filter(replicaSet => replicasOf(replicaSet) > 0)
}
