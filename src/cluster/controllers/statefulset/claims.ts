import { deepEqual } from '../../../base/index.ts'
import type { OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '../../../kube/index.ts'
import { controllerReference } from '../ownership.ts'
import { claimName, isWantedOrdinal, ordinalOf } from './identity.ts'

/** The claims of the pod of an ordinal, as they are first made. */
export function claimsOf(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec?.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimName(set, metadata.name ?? '', ordinal),
      namespace: set.metadata.namespace ?? '',
      labels: { ...metadata.labels, ...set.spec?.selector.matchLabels },
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
    },
    ...(spec === undefined ? {} : { spec }),
  }))
}

/**
 * The owners that a claim should have by the set's retention policy (kubernetes `updateClaimOwnerRefForSetAndPod`): whoever owns it
 * takes it along when it goes, and the policy Retain means nobody does. `pod` is undefined while it is still to be made. Undefined when the
 * claim is as it should be, and when something else controls it.
 */
export function claimOwners(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  pod: Pod | undefined,
): readonly OwnerReference[] | undefined {
  const known = claim.metadata.ownerReferences ?? []
  const isOurs = ({ kind, name, uid }: OwnerReference) =>
    (kind === 'StatefulSet' && name === set.metadata.name) ||
    uid === set.metadata.uid ||
    (pod !== undefined && uid === pod.metadata.uid)
  if (known.some(owner => owner.controller && !isOurs(owner))) return undefined
  const owner = ownerOf(set, pod)
  const wanted = [
    ...known.filter(one => !isOurs(one)),
    ...(owner === undefined ? [] : [controllerReference(owner)]),
  ]
  return deepEqual(wanted, known) ? undefined : wanted
}

function ownerOf(set: StatefulSet, pod: Pod | undefined): StatefulSet | Pod | undefined {
  const { whenDeleted = 'Retain', whenScaled = 'Retain' } =
    set.spec?.persistentVolumeClaimRetentionPolicy ?? {}
  if (whenScaled === 'Delete' && pod !== undefined && !isWanted(set, pod)) return pod
  return whenDeleted === 'Delete' ? set : undefined
}

function isWanted(set: StatefulSet, pod: Pod): boolean {
  const ordinal = ordinalOf(set, pod)
  return ordinal !== undefined && isWantedOrdinal(set, ordinal)
}

/**
 * Whether a claim is about to go: a pod made now would get it and then lose it. So it is while it is being deleted, and where the policy
 * deletes claims with the pods that are scaled away, when it belongs to such a pod.
 */
export function isClaimGoing({ spec }: StatefulSet, { metadata }: PersistentVolumeClaim): boolean {
  if (metadata.deletionTimestamp !== undefined) return true
  if (spec?.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return false
  return (metadata.ownerReferences ?? []).some(({ kind }) => kind === 'Pod')
}
