import { type BackoffOptions, backoffMs } from '../../../base/index.ts'
import { type Pod, parseTime } from '../../../kube/index.ts'

/** As upstream's Job controller waits after failed pods (`job_controller.go`), with the ceiling of a container's restarts. */
const REPLACEMENT: BackoffOptions = { initialMs: 10_000, maxMs: 300_000 }

/**
 * How long to wait before pods are created in the place of failed ones, given all pods of a ReplicaSet. A pod whose containers
 * crash stays and restarts, so a Failed one was refused by its node, and so will be the next: without a pause each refusal would
 * make another pod at once, for ever. 0 when none has failed. The wait counts from the newest failed pod.
 */
export function replacementDelayMs(pods: readonly Pod[], nowMs: number): number {
  const failed = pods.filter(
    ({ metadata, status }) => status?.phase === 'Failed' && metadata.deletionTimestamp === undefined,
  )
  if (failed.length === 0) return 0
  const newest = Math.max(...failed.map(({ metadata }) => parseTime(metadata.creationTimestamp) ?? 0))
  return Math.max(0, newest + backoffMs(failed.length, REPLACEMENT) - nowMs)
}
