import { deepEqual } from '../base/index.ts'
import type { ObjectRef, Pod } from '../kube/index.ts'
import { type AppLane, UNKNOWN_ACTOR } from './app-lane.ts'
import { containerChanges } from './container-changes.ts'
import type { Inventory } from './inventory.ts'
import type { LiveChange, LiveObjects } from './live-objects.ts'
import type { WriteLog } from './write-log.ts'

/**
 * Tells the lanes where to look: an owned object that may have drifted, a container that started or stopped, anything that an
 * app's health depends on. It decides nothing itself.
 */
export function routeLiveChanges(parts: {
  readonly live: LiveObjects
  readonly inventory: Inventory
  readonly writes: WriteLog
  readonly laneOf: (app: string) => AppLane | undefined
}): () => void {
  const { live, inventory, writes, laneOf } = parts
  return live.subscribe(change => {
    const owned = inventory.ownerOf(change.ref)
    if (owned !== undefined) {
      const lane = laneOf(owned.app)
      lane?.touch()
      if (mayBeDrift(change)) lane?.suspect(change.ref, writes.take(change.ref) ?? UNKNOWN_ACTOR)
    }
    const object = change.object ?? change.previous
    if (object === undefined || !object.metadata.ownerReferences?.length) return
    const root = live.rootOf(object)
    const owner = inventory.ownerOf(root)
    const lane = owner === undefined ? undefined : laneOf(owner.app)
    if (lane === undefined) return
    lane.touch()
    if (change.ref.kind === 'Pod') reportContainers(change, root, lane, writes)
  })
}

/** A status update is no drift. Kinds without a generation are compared whenever they change. */
function mayBeDrift({ object, previous }: LiveChange): boolean {
  if (object === undefined || previous === undefined) return object === undefined
  const { generation, labels, annotations, deletionTimestamp } = object.metadata
  if (generation === undefined) return true
  return (
    generation !== previous.metadata.generation ||
    deletionTimestamp !== previous.metadata.deletionTimestamp ||
    !deepEqual(labels, previous.metadata.labels) ||
    !deepEqual(annotations, previous.metadata.annotations)
  )
}

function reportContainers(change: LiveChange, root: ObjectRef, lane: AppLane, writes: WriteLog): void {
  const pod = change.object as Pod | undefined
  const changes = containerChanges(change.previous as Pod | undefined, pod)
  if (changes.length === 0) return
  const isLeaving = pod === undefined || pod.metadata.deletionTimestamp !== undefined
  const actor = isLeaving ? writes.take(change.ref) : undefined
  for (const item of changes) lane.observe(item, isLeaving && actor === undefined)
  if (actor !== undefined) lane.suspect(root, actor)
}
