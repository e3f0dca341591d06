import type { ObjectHealth } from '../apply/index.ts'
import {
  type ContainerStatus,
  groupOf,
  healthOf,
  type KubeObject,
  type ObjectRef,
  type Pod,
  refKey,
} from '../kube/index.ts'
import type { LiveObjects } from './live-objects.ts'

/** Restarts in a row after which a container that waits in its back-off counts as failed. */
const FAILED_RESTARTS = 3

/** Reasons that no waiting cures: something has to change in Git or in the cluster first. */
const HOPELESS: ReadonlySet<string> = new Set([
  'CreateContainerConfigError',
  'ErrImageNeverPull',
  'HostAccessDenied',
  'InvalidImageName',
])

/** The number by which a Deployment knows its current ReplicaSet, on both; upstream's name. */
const REVISION = 'deployment.kubernetes.io/revision'

/** What is read of the live objects. */
type Live = Pick<LiveObjects, 'get' | 'pods' | 'rootOf'>

/**
 * The health of an object that Git declares. A workload that its own status still calls progressing has failed already when a
 * container of its current pods crashes again and again, or cannot start for a reason that no waiting cures.
 */
export function healthOfLive(live: Live, ref: ObjectRef): Omit<ObjectHealth, 'ref'> {
  const object = live.get(ref)
  if (object === undefined) return { state: 'progressing', reason: 'not created yet' }
  const health = healthOf(object)
  // Before its controller has seen the new spec, what runs is still that of the old one.
  if (health.state !== 'progressing' || !runsPods(ref) || !isObserved(object)) return health
  const key = refKey(ref)
  const pods = live
    .pods(ref.namespace ?? '')
    .filter(pod => pod.metadata.deletionTimestamp === undefined && refKey(live.rootOf(pod)) === key)
  for (const pod of pods) {
    if (!isCurrent(live, object, pod)) continue
    const reason = failureOf(pod)
    if (reason !== undefined) return { state: 'failed', reason }
  }
  return health
}

function runsPods(ref: ObjectRef): boolean {
  return groupOf(ref.apiVersion) === 'apps'
}

function isObserved({
  metadata,
  status,
}: KubeObject & { status?: { observedGeneration?: number } }): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0)
}

/** A deploy is judged by what it started, not by what it replaces: of a Deployment, the pods of its current ReplicaSet. */
function isCurrent(live: Live, workload: KubeObject, pod: Pod): boolean {
  if (workload.kind !== 'Deployment') return true
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (owner === undefined) return false
  const { apiVersion, kind, name } = owner
  const replicaSet = live.get({ apiVersion, kind, name, namespace: pod.metadata.namespace ?? '' })
  const revision = workload.metadata.annotations?.[REVISION]
  return revision !== undefined && replicaSet?.metadata.annotations?.[REVISION] === revision
}

/** Why a pod cannot become healthy by itself, if so. */
function failureOf(pod: Pod): string | undefined {
  const node = pod.spec?.nodeName
  const where = node === undefined ? '' : ` on ${node}`
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  for (const status of statuses) {
    const failure = containerFailure(status)
    if (failure !== undefined) return `${pod.metadata.name}/${status.name}${where}: ${failure}`
  }
  if (pod.status?.phase === 'Failed')
    return `${pod.metadata.name}${where}: ${pod.status.message ?? pod.status.reason ?? 'failed'}`
  return undefined
}

function containerFailure(status: ContainerStatus): string | undefined {
  const waiting = status.state?.waiting
  if (waiting?.reason !== undefined && HOPELESS.has(waiting.reason)) return waiting.message ?? waiting.reason
  if (waiting?.reason !== 'CrashLoopBackOff' || status.restartCount < FAILED_RESTARTS) return undefined
  const end = status.lastState?.terminated
  const exit = end === undefined ? 'crashes' : `${end.reason ?? 'Error'}, exit ${end.exitCode}`
  const said = end?.message === undefined ? '' : `: ${end.message.trim()}`
  return `${exit}, restarted ${status.restartCount} times${said}`
}
