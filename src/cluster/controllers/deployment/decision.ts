import type { Deployment, DeploymentStatus, ReplicaSet } from '../../../kube/index.ts'
import { replicasOf } from './budget.ts'
import { type Conditions, conditionOf, newCondition, withCondition } from './conditions.ts'
import { countReplicas, deadlineInMs, hasDeadline, isComplete, withProgress } from './deployment-status.ts'
import {
  byCreation,
  latestRevision,
  newReplicaSet,
  type Revisions,
  revisionOf,
  sortRevisions,
  withCounts,
  withRevision,
  withSpec,
} from './revisions.ts'
import { nextReplicasOfNew, shrinkOld } from './rolling.ts'
import { isScaled, type Scale, shareOut } from './scaling.ts'

export interface DeploymentView {
  readonly deployment: Deployment
  /** Those that the Deployment controls. */
  readonly replicaSets: readonly ReplicaSet[]
  /** Pods of other templates that have not ended, those that are ending included: a Recreate waits for them. */
  readonly hasOldPods: boolean
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** One write. `update` carries the whole next ReplicaSet. */
export type DeploymentStep =
  | { readonly do: 'create'; readonly replicaSet: ReplicaSet }
  | { readonly do: 'update'; readonly replicaSet: ReplicaSet; readonly from: number; readonly to: number }
  | { readonly do: 'delete'; readonly replicaSet: ReplicaSet }

export interface DeploymentDecision {
  readonly steps: readonly DeploymentStep[]
  /** The number that the Deployment's own annotation should show; undefined while there is no current ReplicaSet. */
  readonly revision: number | undefined
  readonly status: DeploymentStatus
  /** When to look again even if nothing changes. */
  readonly recheckMs: number | undefined
}

/**
 * What a Deployment needs next (kubernetes `pkg/controller/deployment`): one step of scaling, of a roll-out or of a
 * Recreate, clean-up of old ReplicaSets, and its status. Pure; deciding again after the steps were taken decides the next.
 */
export function decideDeployment(view: DeploymentView): DeploymentDecision {
  const { deployment, now } = view
  const revisions = sortRevisions(deployment, view.replicaSets)
  const conditions = pausedConditions(deployment, deployment.status?.conditions ?? [], now)
  if (deployment.metadata.deletionTimestamp !== undefined)
    return {
      steps: [],
      revision: undefined,
      status: countReplicas(deployment, revisions, conditions, now),
      recheckMs: undefined,
    }

  const revision = latestRevision(revisions.old) + 1
  if (deployment.spec?.paused || isScaled(deployment, revisions)) {
    const scales = shareOut(deployment, revisions)
    return {
      steps: [
        ...updates(deployment, revisions, revision, scales),
        ...(deployment.spec?.paused ? cleanUp(deployment, revisions.old) : []),
      ],
      revision:
        revisions.current === undefined ? undefined : Math.max(revision, revisionOf(revisions.current)),
      status: countReplicas(deployment, revisions, conditions, now),
      recheckMs: undefined,
    }
  }
  return rollOut(view, revisions, conditions, revision)
}

function rollOut(
  { deployment, hasOldPods, now }: DeploymentView,
  revisions: Revisions,
  conditions: Conditions,
  revision: number,
): DeploymentDecision {
  const { current, old } = revisions
  const recreate = deployment.spec?.strategy?.type === 'Recreate'
  const steps: DeploymentStep[] = []
  let next = conditions

  if (recreate && old.some(one => replicasOf(one) > 0)) {
    const scales = old.map(replicaSet => ({ replicaSet, replicas: 0 }))
    steps.push(...updates(deployment, revisions, revision, scales))
  } else if (current === undefined) {
    if (!recreate || !hasOldPods) {
      const created = newReplicaSet(deployment, revision, nextReplicasOfNew(deployment, undefined, old))
      steps.push({ do: 'create', replicaSet: created })
      next = noteFound(deployment, next, 'NewReplicaSetCreated', {
        message: `Created new replica set "${created.metadata.name}"`,
        now,
      })
    }
  } else {
    if (conditionOf(next, 'Progressing') === undefined)
      next = noteFound(deployment, next, 'FoundNewReplicaSet', {
        message: `Found new replica set "${current.metadata.name}"`,
        now,
      })
    const wanted = nextReplicasOfNew(deployment, current, old)
    const grows = wanted !== replicasOf(current)
    const waits = recreate && hasOldPods && wanted > replicasOf(current)
    // One direction at a time, as upstream: the old ones shrink once the new one has what it may have.
    const scales =
      grows && !waits
        ? [{ replicaSet: current, replicas: wanted }]
        : recreate
          ? []
          : shrinkOld(deployment, current, old)
    steps.push(...updates(deployment, revisions, revision, scales))
  }

  const status = withProgress(deployment, revisions, countReplicas(deployment, revisions, next, now), now)
  if (isComplete(deployment, status)) steps.push(...cleanUp(deployment, old))
  const number = current === undefined ? revision : Math.max(revision, revisionOf(current))
  const exists = current !== undefined || steps.some(step => step.do === 'create')
  return {
    steps,
    revision: exists ? number : undefined,
    status,
    recheckMs: deadlineInMs(deployment, status, now),
  }
}

/** The writes that scale as asked and keep the current ReplicaSet's annotations right, one for each that differs. */
function updates(
  deployment: Deployment,
  { current, old }: Revisions,
  revision: number,
  scales: readonly Scale[],
): readonly DeploymentStep[] {
  const steps: DeploymentStep[] = []
  for (const replicaSet of current === undefined ? old : [current, ...old]) {
    const from = replicasOf(replicaSet)
    const scale = scales.find(one => one.replicaSet === replicaSet)
    let next = replicaSet === current ? withRevision(deployment, replicaSet, revision) : replicaSet
    if (scale !== undefined) next = withCounts(deployment, next)
    const to = scale?.replicas ?? from
    if (to !== from) next = withSpec(next, { replicas: to })
    if (next !== replicaSet) steps.push({ do: 'update', replicaSet: next, from, to })
  }
  return steps
}

/** Deletes what is beyond `revisionHistoryLimit`, the lowest revisions first; never one that has pods or is being written. */
function cleanUp(deployment: Deployment, old: readonly ReplicaSet[]): readonly DeploymentStep[] {
  const limit = deployment.spec?.revisionHistoryLimit ?? 10
  const candidates = old.filter(one => one.metadata.deletionTimestamp === undefined)
  return [...candidates]
    .sort((a, b) => revisionOf(a) - revisionOf(b) || byCreation(a, b))
    .slice(0, Math.max(0, candidates.length - limit))
    .filter(
      one =>
        (one.status?.replicas ?? 0) === 0 &&
        replicasOf(one) === 0 &&
        (one.metadata.generation ?? 0) <= (one.status?.observedGeneration ?? 0),
    )
    .map(replicaSet => ({ do: 'delete', replicaSet }))
}

/** A paused Deployment's deadline stands still: its Progressing condition says so, and again when it is resumed. */
function pausedConditions(deployment: Deployment, conditions: Conditions, now: number): Conditions {
  if (!hasDeadline(deployment)) return conditions
  const reason = conditionOf(conditions, 'Progressing')?.reason
  if (reason === 'ProgressDeadlineExceeded') return conditions
  const noted = reason === 'DeploymentPaused'
  if (deployment.spec?.paused && !noted)
    return withCondition(
      conditions,
      newCondition('Progressing', 'Unknown', {
        reason: 'DeploymentPaused',
        message: 'Deployment is paused',
        now,
      }),
    )
  if (!deployment.spec?.paused && noted)
    return withCondition(
      conditions,
      newCondition('Progressing', 'Unknown', {
        reason: 'DeploymentResumed',
        message: 'Deployment is resumed',
        now,
      }),
    )
  return conditions
}

function noteFound(
  deployment: Deployment,
  conditions: Conditions,
  reason: string,
  { message, now }: { readonly message: string; readonly now: number },
): Conditions {
  if (!hasDeadline(deployment)) return conditions
  return withCondition(conditions, newCondition('Progressing', 'True', { reason, message, now }))
}
