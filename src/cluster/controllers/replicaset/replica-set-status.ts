import {
  formatTime,
  labelSelectorFromObject,
  matchesLabels,
  type Pod,
  type ReplicaSet,
  type ReplicaSetCondition,
  type ReplicaSetStatus,
} from '../../../kube/index.ts'
import { availableAt, isPodReady } from '../pod-state.ts'
import { positiveCounts } from '../positive-counts.ts'

/** Why the last attempt to create or delete pods failed. */
export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete'
  readonly message: string
}

export interface NextReplicaSetStatus {
  readonly status: ReplicaSetStatus
  /** When the next ready pod will have been ready long enough, in ms from now; undefined when none waits for that. */
  readonly recheckMs: number | undefined
}

/** The status that `replicaSet` should have, given its active pods. */
export function nextReplicaSetStatus(
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
  failure: ReplicaFailure | undefined,
  now: number,
): NextReplicaSetStatus {
  const minReadySeconds = replicaSet.spec?.minReadySeconds ?? 0
  const template = labelSelectorFromObject({ matchLabels: replicaSet.spec?.template?.metadata?.labels ?? {} })
  const availableTimes = pods.map(pod => availableAt(pod, minReadySeconds)).filter(time => time !== undefined)
  const later = availableTimes.filter(time => time > now)
  const conditions = nextConditions(replicaSet.status?.conditions ?? [], failure, now)
  return {
    status: {
      replicas: pods.length,
      ...positiveCounts({
        fullyLabeledReplicas: pods.filter(pod => matchesLabels(template, pod.metadata.labels)).length,
        readyReplicas: pods.filter(isPodReady).length,
        availableReplicas: availableTimes.length - later.length,
        observedGeneration: replicaSet.metadata.generation ?? 0,
      }),
      ...(conditions.length === 0 ? {} : { conditions }),
    },
    recheckMs: later.length === 0 ? undefined : Math.min(...later) - now,
  }
}

function nextConditions(
  conditions: readonly ReplicaSetCondition[],
  failure: ReplicaFailure | undefined,
  now: number,
): readonly ReplicaSetCondition[] {
  const others = conditions.filter(condition => condition.type !== 'ReplicaFailure')
  if (failure === undefined) return others
  const known = conditions.find(condition => condition.type === 'ReplicaFailure')
  if (known?.status === 'True' && known.reason === failure.reason) return conditions
  const lastTransitionTime = formatTime(now)
  return [...others, { type: 'ReplicaFailure', status: 'True', ...failure, lastTransitionTime }]
}
