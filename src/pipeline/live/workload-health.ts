import { type Health, healthOf } from '../../kinds/index.ts'
import {
  type ContainerStatus,
  claimNamesOf,
  classNameOf,
  type Deployment,
  groupOf,
  INGRESS_CONTROLLER,
  type Ingress,
  type IngressClass,
  type KubeObject,
  type ObjectRef,
  type PersistentVolumeClaim,
  type Pod,
  type StatefulSet,
  type StorageClass,
} from '../../kube/index.ts'
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

/** The revision of a StatefulSet's template that a pod was made of; upstream's name. */
const TEMPLATE_REVISION = 'controller-revision-hash'

/** What is read of the live objects. */
type Live = Pick<LiveObjects, 'get' | 'pods' | 'podsOf'>

/**
 * The health of an object that Git declares. Of a workload its current pods are asked too: it has failed when a container of
 * theirs crashes again and again, or cannot start for a reason that no waiting cures, and it is not healthy before as many are
 * ready as are wanted, whatever a status says that was written before. A claim that nobody uses may wait for its first pod; an
 * ingress that others serve is theirs to judge.
 */
export function healthOfLive(live: Live, ref: ObjectRef): Health {
  const object = live.get(ref)
  if (object === undefined) return { state: 'progressing', reason: 'not created yet' }
  const health = healthOf(object)
  const isEnding = object.metadata.deletionTimestamp !== undefined
  if (isClaim(ref) && !isEnding && health.state === 'progressing')
    return explainClaim(live, object as PersistentVolumeClaim, health)
  if (object.kind === 'Ingress' && !isEnding && health.state === 'progressing')
    return explainIngress(live, object as Ingress, health)
  // Before its controller has seen the new spec, what runs is still that of the old one.
  if (!runsPods(ref) || isEnding || !isObserved(object)) return health
  const pods = live.podsOf(ref).filter(pod => pod.metadata.deletionTimestamp === undefined)
  const current = pods.filter(pod => isCurrent(live, object, pod))
  if (health.state !== 'healthy') return explain(health, current)
  // Old pods below the partition of a StatefulSet are as it wants them.
  return confirm(health, object, object.kind === 'StatefulSet' ? pods : current)
}

function isClaim({ apiVersion, kind }: ObjectRef): boolean {
  return apiVersion === 'v1' && kind === 'PersistentVolumeClaim'
}

/** A class may make its volumes where the first pod runs: until there is one, nothing is missing. */
function explainClaim(live: Live, claim: PersistentVolumeClaim, health: Health): Health {
  const { name = '', namespace = '' } = claim.metadata
  const className = classNameOf(claim)
  const found = live.get({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', name: className })
  if (className !== '' && found === undefined)
    return { ...health, reason: `${health.reason}: there is no StorageClass ${className}` }
  const waits = (found as StorageClass | undefined)?.volumeBindingMode === 'WaitForFirstConsumer'
  const isUsed = live.pods(namespace).some(pod => isRunning(pod) && claimNamesOf(pod).includes(name))
  return waits && !isUsed ? { state: 'healthy', reason: 'waits for the first pod that uses it' } : health
}

/** Not everybody who serves ingresses says so in their status. */
function explainIngress(live: Live, { spec }: Ingress, health: Health): Health {
  const name = spec?.ingressClassName ?? ''
  const found = live.get({ apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', name })
  if (found === undefined) return { ...health, reason: `${health.reason}: there is no IngressClass ${name}` }
  const { controller = '' } = (found as IngressClass).spec ?? {}
  return controller === INGRESS_CONTROLLER ? health : { state: 'healthy', reason: `is left to ${controller}` }
}

function isRunning({ status }: Pod): boolean {
  return status?.phase !== 'Succeeded' && status?.phase !== 'Failed'
}

function runsPods(ref: ObjectRef): boolean {
  return groupOf(ref.apiVersion) === 'apps'
}

type Observed = KubeObject & { readonly status?: { readonly observedGeneration?: number } }

function isObserved({ metadata, status }: Observed): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0)
}

/**
 * A deploy is judged by what it started, not by what it replaces: of a Deployment, the pods of its current ReplicaSet; of a
 * StatefulSet, those of its newest revision.
 */
function isCurrent(live: Live, workload: KubeObject, pod: Pod): boolean {
  if (workload.kind === 'StatefulSet') {
    const { updateRevision } = (workload as StatefulSet).status ?? {}
    return updateRevision === undefined || pod.metadata.labels?.[TEMPLATE_REVISION] === updateRevision
  }
  if (workload.kind !== 'Deployment') return true
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true)
  if (owner === undefined) return false
  const { apiVersion, kind, name } = owner
  const replicaSet = live.get({ apiVersion, kind, name, namespace: pod.metadata.namespace ?? '' })
  const revision = workload.metadata.annotations?.[REVISION]
  return revision !== undefined && replicaSet?.metadata.annotations?.[REVISION] === revision
}

/** What a status calls healthy, if the pods bear it out. */
function confirm(health: Health, workload: KubeObject, pods: readonly Pod[]): Health {
  const { replicas = 1, paused = false } = (workload as Deployment).spec ?? {}
  const ready = pods.filter(isReady).length
  if (paused || ready >= replicas) return health
  return { state: 'progressing', reason: `${ready} of ${replicas} pods are ready` }
}

/** What a status calls anything else, with what the pods have to say about it. */
function explain(health: Health, pods: readonly Pod[]): Health {
  for (const pod of pods) {
    const failure = failureOf(pod)
    if (failure !== undefined) return { state: 'failed', reason: failure }
  }
  const obstacle = pods.map(obstacleOf).find(found => found !== undefined)
  return obstacle === undefined ? health : { ...health, reason: `${health.reason}; ${obstacle}` }
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
}

/** Why a pod cannot become healthy by itself, if so. */
function failureOf(pod: Pod): string | undefined {
  for (const status of containersOf(pod)) {
    const failure = containerFailure(status)
    if (failure !== undefined) return `${placeOf(pod, status)}: ${failure}`
  }
  const { phase, message, reason } = pod.status ?? {}
  return phase === 'Failed' ? `${placeOf(pod)}: ${message ?? reason ?? 'failed'}` : undefined
}

function containerFailure({ state, lastState, restartCount }: ContainerStatus): string | undefined {
  const waiting = state?.waiting
  if (waiting?.reason !== undefined && HOPELESS.has(waiting.reason)) return waiting.message ?? waiting.reason
  if (waiting?.reason !== 'CrashLoopBackOff' || restartCount < FAILED_RESTARTS) return undefined
  const end = lastState?.terminated
  const exit = end === undefined ? 'crashes' : exitText(end.exitCode, end.reason)
  const said = end?.message === undefined ? '' : `: ${end.message.trim()}`
  return `${exit}, restarted ${restartCount} times${said}`
}

/** `exit 1`, `OOMKilled, exit 137`: the reasons `Error` and `Completed` say no more than the code. */
function exitText(code: number, reason: string | undefined): string {
  return reason === undefined || reason === 'Error' || reason === 'Completed'
    ? `exit ${code}`
    : `${reason}, exit ${code}`
}

/** What a pod waits for that may pass, and that its workload's status does not tell. */
function obstacleOf(pod: Pod): string | undefined {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.status === 'False') return `${placeOf(pod)}: ${scheduled.message ?? 'is not scheduled yet'}`
  for (const status of containersOf(pod)) {
    const { reason, message } = status.state?.waiting ?? {}
    if (reason !== undefined && /BackOff$|Error$|^Err/.test(reason))
      return `${placeOf(pod, status)}: ${reason}${message === undefined ? '' : `: ${message}`}`
  }
  return undefined
}

function containersOf({ status }: Pod): readonly ContainerStatus[] {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
}

/** `web-1/web on host-2` */
function placeOf({ metadata, spec }: Pod, container?: ContainerStatus): string {
  const name = container === undefined ? metadata.name : `${metadata.name}/${container.name}`
  return spec?.nodeName === undefined ? (name ?? '') : `${name} on ${spec.nodeName}`
}
