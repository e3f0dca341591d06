import type { Deployment } from '../../../kube/index.ts'

/** How far a rolling update may stray from the wanted number of pods. */
export interface Budget {
  /** Pods above it. */
  readonly maxSurge: number
  /** Pods below it that are available. */
  readonly maxUnavailable: number
}

/**
 * The numbers behind `maxSurge` and `maxUnavailable` (defaults 25 %): a percentage of the replicas, surge rounded up and
 * unavailability down; if both come out as 0 one pod may be unavailable, or nothing could ever move. None for Recreate.
 */
export function budgetOf(deployment: Deployment): Budget {
  const replicas = replicasOf(deployment)
  const { type, rollingUpdate } = deployment.spec?.strategy ?? {}
  if (type === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 }
  const maxSurge = resolve(rollingUpdate?.maxSurge ?? '25%', replicas, Math.ceil)
  const maxUnavailable = resolve(rollingUpdate?.maxUnavailable ?? '25%', replicas, Math.floor)
  if (maxSurge === 0 && maxUnavailable === 0) return { maxSurge, maxUnavailable: Math.min(1, replicas) }
  return { maxSurge, maxUnavailable: Math.min(maxUnavailable, replicas) }
}

/** `spec.replicas`, 1 when it is absent. */
export function replicasOf(object: { readonly spec?: { readonly replicas?: number } }): number {
  return object.spec?.replicas ?? 1
}

function resolve(value: number | string, total: number, round: (n: number) => number): number {
  if (typeof value === 'number') return value
  return value.endsWith('%') ? round((Number.parseInt(value, 10) * total) / 100) : Number.parseInt(value, 10)
}
