import { type DeploymentCondition, formatTime } from '../../../kube/index.ts'

export type Conditions = readonly DeploymentCondition[]

export function conditionOf(conditions: Conditions, type: string): DeploymentCondition | undefined {
  return conditions.find(condition => condition.type === type)
}

/** A condition that begins now. */
export function newCondition(
  type: 'Available' | 'Progressing' | 'ReplicaFailure',
  status: 'True' | 'False' | 'Unknown',
  { reason, message, now }: { readonly reason: string; readonly message: string; readonly now: number },
): DeploymentCondition {
  const time = formatTime(now)
  return { type, status, lastUpdateTime: time, lastTransitionTime: time, reason, message }
}

/** Sets a condition: no change while status and reason stay, and the time of transition only moves with the status. */
export function withCondition(conditions: Conditions, next: DeploymentCondition): Conditions {
  const current = conditionOf(conditions, next.type)
  if (current?.status === next.status && current.reason === next.reason) return conditions
  return replaceCondition(conditions, next)
}

/** Sets a condition though its status and reason may be the same, so that `lastUpdateTime` tells of progress. */
export function replaceCondition(conditions: Conditions, next: DeploymentCondition): Conditions {
  const current = conditionOf(conditions, next.type)
  const kept =
    current?.status === next.status && current.lastTransitionTime !== undefined
      ? { ...next, lastTransitionTime: current.lastTransitionTime }
      : next
  return [...withoutCondition(conditions, next.type), kept]
}

export function withoutCondition(conditions: Conditions, type: string): Conditions {
  return conditions.filter(condition => condition.type !== type)
}
