import { type Deployment, type DeploymentStatus, parseTime, type ReplicaSet } from '../../../kube/index.ts'
import { budgetOf, replicasOf } from './budget.ts'
import {
  type Conditions,
  conditionOf,
  newCondition,
  replaceCondition,
  withCondition,
  withoutCondition,
} from './conditions.ts'
import type { Revisions } from './revisions.ts'

/** Upstream writes this for "no deadline". */
const NO_DEADLINE = 2 ** 31 - 1

export function hasDeadline(deployment: Deployment): boolean {
  return deadlineOf(deployment) !== NO_DEADLINE
}

/** The counts and the Available condition; `conditions` are those that go into it. */
export function countReplicas(
  deployment: Deployment,
  revisions: Revisions,
  conditions: Conditions,
  now: number,
): DeploymentStatus {
  const all = [...(revisions.current ? [revisions.current] : []), ...revisions.old]
  const replicas = sumOf(all, one => one.status?.replicas)
  const available = sumOf(all, one => one.status?.availableReplicas)
  const ready = sumOf(all, one => one.status?.readyReplicas)
  const updated = revisions.current?.status?.replicas ?? 0
  const unavailable = Math.max(0, sumOf(all, replicasOf) - available)
  const { collisionCount } = deployment.status ?? {}
  const enough = available >= replicasOf(deployment) - budgetOf(deployment).maxUnavailable
  const availability = enough
    ? newCondition('Available', 'True', {
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
        now,
      })
    : newCondition('Available', 'False', {
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
        now,
      })
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    ...(replicas > 0 ? { replicas } : {}),
    ...(updated > 0 ? { updatedReplicas: updated } : {}),
    ...(ready > 0 ? { readyReplicas: ready } : {}),
    ...(available > 0 ? { availableReplicas: available } : {}),
    ...(unavailable > 0 ? { unavailableReplicas: unavailable } : {}),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: withCondition(conditions, availability),
  }
}

/** Judges a roll-out that is under way: complete, getting on, or past its deadline; and whether pods cannot be made. */
export function withProgress(
  deployment: Deployment,
  revisions: Revisions,
  status: DeploymentStatus,
  now: number,
): DeploymentStatus {
  let conditions = status.conditions ?? []
  const progressing = conditionOf(conditions, 'Progressing')
  if (!hasDeadline(deployment)) conditions = withoutCondition(conditions, 'Progressing')
  else {
    // Once complete it stays so, whatever becomes of single pods later: that is no roll-out.
    const done =
      (status.replicas ?? 0) === (status.updatedReplicas ?? 0) &&
      progressing?.reason === 'NewReplicaSetAvailable'
    if (!done) conditions = judge(deployment, revisions, { ...status, conditions }, now)
  }
  const failure = [...(revisions.current ? [revisions.current] : []), ...revisions.old]
    .flatMap(replicaSet => replicaSet.status?.conditions ?? [])
    .find(condition => condition.type === 'ReplicaFailure' && condition.status === 'True')
  conditions =
    failure === undefined
      ? withoutCondition(conditions, 'ReplicaFailure')
      : withCondition(
          conditions,
          newCondition('ReplicaFailure', 'True', {
            reason: failure.reason ?? '',
            message: failure.message ?? '',
            now,
          }),
        )
  return { ...status, conditions }
}

/** All its pods are of the new template, and available, and no others are left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = replicasOf(deployment)
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

/** When to look whether the deadline passed, in ms from now; undefined when no roll-out is under way. */
export function deadlineInMs(
  deployment: Deployment,
  status: DeploymentStatus,
  now: number,
): number | undefined {
  const progressing = conditionOf(status.conditions ?? [], 'Progressing')
  if (!hasDeadline(deployment) || progressing === undefined || isComplete(deployment, status))
    return undefined
  if (progressing.reason === 'NewReplicaSetAvailable' || progressing.reason === 'ProgressDeadlineExceeded')
    return undefined
  const since = parseTime(progressing.lastUpdateTime) ?? now
  // A second more, since the API's times are whole seconds.
  return Math.max(0, since + deadlineOf(deployment) * 1000 - now) + 1000
}

function judge(
  deployment: Deployment,
  { current }: Revisions,
  status: DeploymentStatus,
  now: number,
): Conditions {
  const conditions = status.conditions ?? []
  const who = current ? `ReplicaSet "${current.metadata.name}"` : `Deployment "${deployment.metadata.name}"`
  if (isComplete(deployment, status))
    return withCondition(
      conditions,
      newCondition('Progressing', 'True', {
        reason: 'NewReplicaSetAvailable',
        message: `${who} has successfully progressed.`,
        now,
      }),
    )
  if (hasProgressed(deployment.status ?? {}, status))
    return replaceCondition(
      conditions,
      newCondition('Progressing', 'True', {
        reason: 'ReplicaSetUpdated',
        message: `${who} is progressing.`,
        now,
      }),
    )
  if (isLate(deployment, conditions, now))
    return withCondition(
      conditions,
      newCondition('Progressing', 'False', {
        reason: 'ProgressDeadlineExceeded',
        message: `${who} has timed out progressing.`,
        now,
      }),
    )
  return conditions
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const more = (of: (status: DeploymentStatus) => number | undefined) => (of(after) ?? 0) > (of(before) ?? 0)
  const oldPods = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0)
  return (
    more(status => status.updatedReplicas) ||
    more(status => status.readyReplicas) ||
    more(status => status.availableReplicas) ||
    oldPods(after) < oldPods(before)
  )
}

function isLate(deployment: Deployment, conditions: Conditions, now: number): boolean {
  const progressing = conditionOf(conditions, 'Progressing')
  if (progressing === undefined || progressing.reason === 'NewReplicaSetAvailable') return false
  if (progressing.reason === 'ProgressDeadlineExceeded') return true
  return now > (parseTime(progressing.lastUpdateTime) ?? now) + deadlineOf(deployment) * 1000
}

function deadlineOf(deployment: Deployment): number {
  return deployment.spec?.progressDeadlineSeconds ?? 600
}

function sumOf(
  replicaSets: readonly ReplicaSet[],
  of: (replicaSet: ReplicaSet) => number | undefined,
): number {
  return replicaSets.reduce((sum, replicaSet) => sum + (of(replicaSet) ?? 0), 0)
}
