import { type Deployment, imageTag, type Pod, type ReplicaSet } from '../../kube/index.ts'
import type { View } from './view.ts'

/** How far a Deployment is on its way to what Git says. */
export interface Rollout {
  readonly name: string
  readonly wanted: number
  /** The hosts of the ready pods of the current version, in the order in which these became ready. */
  readonly ready: readonly string[]
  /** An older version of which pods still serve. */
  readonly serving: { readonly version: string; readonly available: number } | undefined
}

/** The number by which a Deployment knows its current ReplicaSet, on both; upstream's name. */
const REVISION = 'deployment.kubernetes.io/revision'

export function rolloutOf(deployment: Deployment, { replicaSets, pods }: View): Rollout {
  const { name = '', namespace = '', uid, annotations } = deployment.metadata
  const own = replicaSets.list(namespace).filter(set => isOwnedBy(set, uid))
  const current = own.find(({ metadata }) => metadata.annotations?.[REVISION] === annotations?.[REVISION])
  const older = own
    .filter(set => set !== current && (set.status?.availableReplicas ?? 0) > 0)
    .toSorted(
      (a, b) => Number(b.metadata.annotations?.[REVISION]) - Number(a.metadata.annotations?.[REVISION]),
    )
  const [newest] = older
  return {
    name,
    wanted: deployment.spec?.replicas ?? 1,
    ready: pods
      .list(namespace)
      .filter(pod => current !== undefined && isOwnedBy(pod, current.metadata.uid) && isReady(pod))
      .toSorted(
        (a, b) => compareText(readySince(a), readySince(b)) || compareText(a.metadata.name, b.metadata.name),
      )
      .map(({ spec }) => spec?.nodeName ?? ''),
    serving:
      newest === undefined
        ? undefined
        : {
            version: versionOf(newest),
            available: older.reduce((sum, { status }) => sum + (status?.availableReplicas ?? 0), 0),
          },
  }
}

/** `1.9`: the tag of the first container's image, which is how people call a version. */
export function versionOf({ spec }: ReplicaSet | Deployment): string {
  const image = spec?.template?.spec?.containers[0]?.image ?? ''
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
