import { claimNamesOf, type KubeObject, type ObjectRef, type Pod, refKey } from '../../kube/index.ts'
import type { Inventory } from '../inventory.ts'
import type { AppLane } from '../lane/app-lane.ts'
import { UNKNOWN_ACTOR } from '../lane/suspects.ts'
import { containerChanges } from './container-changes.ts'
import type { LiveChange, LiveObjects } from './live-objects.ts'
import { stampOf } from './stamp.ts'
import type { WriteLog } from './write-log.ts'

/**
 * Tells the lanes where to look: an owned object that may have drifted, a container that started or stopped, anything that an
 * app's health depends on. It decides nothing itself. Returns the function that ends it.
 */
export function routeLiveChanges(parts: {
  readonly live: LiveObjects
  readonly inventory: Inventory
  readonly writes: WriteLog
  readonly laneOf: (app: string) => AppLane | undefined
  readonly lanes: () => readonly AppLane[]
}): () => void {
  const { live, inventory, writes, laneOf, lanes } = parts
  return live.subscribe(change => {
    const { ref, object, previous } = change
    if (isGoing(object) && !isGoing(previous)) for (const lane of lanes()) lane.lookAgainWithout(ref)
    const owner = inventory.ownerOf(ref)
    const lane = owner === undefined ? undefined : laneOf(owner.app)
    if (lane !== undefined) {
      if (mayBeDrift(change)) lane.suspect(ref, writes.writerOf(ref) ?? UNKNOWN_ACTOR)
      lane.hear(refKey(ref))
    }
    const known = object ?? previous
    if (ref.kind === 'Pod' && (object === undefined || previous === undefined))
      touchClaims(known as Pod, parts)
    if (known === undefined || (ref.kind !== 'Pod' && known.metadata.ownerReferences === undefined)) return
    const workload = live.rootOf(known)
    const workloadOwner = inventory.ownerOf(workload)
    if (workloadOwner !== undefined) tellWorkload(change, workload, laneOf(workloadOwner.app), writes)
  })
}

/** A claim's health depends on whether a pod uses it. */
function touchClaims(
  pod: Pod,
  { inventory, laneOf }: Pick<Parameters<typeof routeLiveChanges>[0], 'inventory' | 'laneOf'>,
): void {
  const { namespace = '' } = pod.metadata
  for (const name of claimNamesOf(pod)) {
    const claim = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name }
    const owner = inventory.ownerOf(claim)
    if (owner !== undefined) laneOf(owner.app)?.touch(refKey(claim))
  }
}

function isGoing(object: KubeObject | undefined): boolean {
  return object === undefined || object.metadata.deletionTimestamp !== undefined
}

/** A status update is no drift, and what is new was looked for already. */
function mayBeDrift({ object, previous }: LiveChange): boolean {
  if (object === undefined || previous === undefined) return object === undefined
  return stampOf(object) !== stampOf(previous)
}

function tellWorkload(
  change: LiveChange,
  workload: ObjectRef,
  lane: AppLane | undefined,
  writes: WriteLog,
): void {
  if (lane === undefined) return
  if (change.ref.kind === 'Pod') {
    const changes = containerChanges(change.previous as Pod | undefined, change.object as Pod | undefined)
    const disturber = disturberOf(
      change,
      changes.some(({ action }) => action === 'stopped'),
      writes,
    )
    if (changes.length > 0 || disturber !== undefined) lane.observe({ workload, changes }, disturber)
  }
  lane.touch(refKey(workload))
}

/**
 * Who ended what runs in a pod, when it was neither a controller that meant the pod to go nor the pod's own end: a user of the API
 * who deleted it, or nobody knows who when only its containers stopped.
 */
function disturberOf(
  { ref, object, previous }: LiveChange,
  hasStopped: boolean,
  writes: WriteLog,
): string | undefined {
  const wasLeaving = previous?.metadata.deletionTimestamp !== undefined
  if (isGoing(object)) return wasLeaving ? undefined : writes.writerOf(ref)
  const hasCompleted = (object as Pod).status?.phase === 'Succeeded'
  return hasStopped && !hasCompleted ? (writes.writerOf(ref) ?? UNKNOWN_ACTOR) : undefined
}
