import { type Deployment, imageTag, type Pod, type ReplicaSet, type StatefulSet } from '../../kube/index.ts'
import type { View } from './view.ts'

/** How far a Deployment or a StatefulSet is on its way to what Git says. */
export interface Rollout {
  readonly name: string
  /** As Git says. */
  readonly version: string
  readonly wanted: number
  /** The hosts of the ready pods of the current version, in the order in which these became ready. */
  readonly ready: readonly string[]
  /** An older version of which pods still serve. */
  readonly serving: { readonly version: string; readonly available: number } | undefined
}

/** The number by which a Deployment knows its current ReplicaSet, on both; upstream's name. */
const REVISION = 'deployment.kubernetes.io/revision'

/** The revision of a StatefulSet's template that a pod was made of; upstream's name. */
const TEMPLATE_REVISION = 'controller-revision-hash'

/** The rollouts of the Deployments and StatefulSets of a namespace. */
export function rolloutsIn(namespace: string, view: View): readonly Rollout[] {
  return [
    ...view.deployments.list(namespace).map(deployment => rolloutOf(deployment, view)),
    ...view.statefulSets.list(namespace).map(set => statefulRolloutOf(set, view)),
  ]
}

/** The rollout of one object; undefined for what has none. */
export function rolloutOfRef(
  { kind, namespace, name }: { readonly kind: string; readonly namespace?: string; readonly name: string },
  view: View,
): Rollout | undefined {
  const key = `${namespace}/${name}`
  const deployment = kind === 'Deployment' ? view.deployments.get(key) : undefined
  if (deployment !== undefined) return rolloutOf(deployment, view)
  const set = kind === 'StatefulSet' ? view.statefulSets.get(key) : undefined
  return set === undefined ? undefined : statefulRolloutOf(set, view)
}

function rolloutOf(deployment: Deployment, { replicaSets, pods }: View): Rollout {
  const { name = '', namespace = '', uid, annotations } = deployment.metadata
  const own = replicaSets.list(namespace).filter(set => isOwnedBy(set, uid))
  const newest = own.find(({ metadata }) => metadata.annotations?.[REVISION] === annotations?.[REVISION])
  const current = isHeldBack(deployment) ? undefined : newest
  const older = own
    .filter(set => set !== current && (set.status?.availableReplicas ?? 0) > 0)
    .toSorted(
      (a, b) => Number(b.metadata.annotations?.[REVISION]) - Number(a.metadata.annotations?.[REVISION]),
    )
  const [serving] = older
  return {
    name,
    version: versionOf(deployment.spec?.template),
    wanted: deployment.spec?.replicas ?? 1,
    ready: hostsOf(
      pods
        .list(namespace)
        .filter(pod => current !== undefined && isOwnedBy(pod, current.metadata.uid) && isReady(pod)),
    ),
    serving:
      serving === undefined
        ? undefined
        : {
            version: versionOf(serving.spec?.template),
            available: older.reduce((sum, { status }) => sum + (status?.availableReplicas ?? 0), 0),
          },
  }
}

/** Paused before there was a ReplicaSet of its template: the newest one is of an older template then. */
function isHeldBack({ spec, status }: Deployment): boolean {
  return spec?.paused === true && (status?.updatedReplicas ?? 0) === 0
}

/** A StatefulSet has its pods itself; those below the partition are as it wants them, of whichever version. */
function statefulRolloutOf(set: StatefulSet, { pods }: View): Rollout {
  const { name = '', namespace = '', uid } = set.metadata
  const { replicas = 1, ordinals, updateStrategy, template } = set.spec ?? {}
  const firstDue = (ordinals?.start ?? 0) + (updateStrategy?.rollingUpdate?.partition ?? 0)
  const isWanted = (pod: Pod): boolean =>
    pod.metadata.labels?.[TEMPLATE_REVISION] === set.status?.updateRevision || ordinalOf(pod) < firstDue
  const ready = pods.list(namespace).filter(pod => isOwnedBy(pod, uid) && isReady(pod))
  const [older, ...others] = ready.filter(pod => !isWanted(pod))
  return {
    name,
    version: versionOf(template),
    wanted: replicas,
    ready: hostsOf(ready.filter(isWanted)),
    serving: older === undefined ? undefined : { version: versionOf(older), available: others.length + 1 },
  }
}

/** The number at the end of the name of a StatefulSet's pod. */
function ordinalOf({ metadata: { name = '' } }: Pod): number {
  return Number(/-(\d+)$/.exec(name)?.[1] ?? 0)
}

/** Where pods run, in the order in which they became ready. */
function hostsOf(pods: readonly Pod[]): readonly string[] {
  return pods
    .toSorted(
      (a, b) => compareText(readySince(a), readySince(b)) || compareText(a.metadata.name, b.metadata.name),
    )
    .map(({ spec }) => spec?.nodeName ?? '')
}

/** `1.9`: the tag of the first container's image, which is how people call a version. */
function versionOf(pod: Pick<Pod, 'spec'> | undefined): string {
  const image = pod?.spec?.containers[0]?.image ?? ''
  return imageTag(image) || image
}

function isOwnedBy({ metadata }: ReplicaSet | Pod, uid: string | undefined): boolean {
  return metadata.ownerReferences?.some(owner => owner.controller === true && owner.uid === uid) === true
}

function isReady({ metadata, status }: Pod): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return ready?.status === 'True' && metadata.deletionTimestamp === undefined
}

function readySince({ status }: Pod): string {
  return status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime ?? ''
}

function compareText(a = '', b = ''): number {
  return a < b ? -1 : a > b ? 1 : 0
}
