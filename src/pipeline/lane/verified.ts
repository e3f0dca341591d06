import { refKey } from '../../kube/index.ts'
import type { Inventory, InventoryEntry } from '../inventory.ts'
import type { LiveObjects } from '../live/live-objects.ts'
import { stampOf } from '../live/stamp.ts'
import type { AppTarget, DesiredObject } from '../source/app-target.ts'
import { isSamePlace, type PlanParts, planTarget, undeclaredBy } from './plan-target.ts'

export interface VerifiedParts {
  readonly live: LiveObjects
  readonly inventory: Inventory
  /** Of the program: another one may compare otherwise. */
  readonly version: string
}

/**
 * The keys of all that has to be compared when nothing was since the start: what was not found equal before, what has changed since on
 * either side, and what is owned without being declared. Content and version tell the rest, and no object of it is made, neither the
 * declared one nor the live one, unless its version is another.
 */
export function unverifiedBy(target: AppTarget, parts: VerifiedParts): Set<string> {
  const keys = new Set<string>(undeclaredBy(target, parts).keys())
  const owned = parts.inventory.entriesOf(target.app)
  for (const [key, desired] of target.desired) {
    const entry = owned.get(key)
    const isKnown = entry?.verified !== undefined && isSamePlace(entry.source, desired.source)
    if (!isKnown || !stillHolds(entry.verified, desired, parts)) keys.add(key)
  }
  return keys
}

/** What the inventory has to say of those among `keys` that are as the target says, so that the next start need not compare them. */
export function verifiedEntries(
  target: AppTarget,
  keys: readonly string[],
  parts: VerifiedParts & PlanParts,
): readonly InventoryEntry[] {
  const owned = parts.inventory.entriesOf(target.app)
  return planTarget(target, parts, keys).changes.flatMap(({ action, ref }) => {
    const key = refKey(ref)
    const [desired, entry] = [target.desired.get(key), owned.get(key)]
    if (action !== 'keep' || desired === undefined || entry === undefined) return []
    const verified = markOf(desired, parts)
    return verified === undefined || verified === entry.verified ? [] : [{ ...entry, verified }]
  })
}

/** Names a declaration and the live object beside it; undefined when there is none. */
function markOf(desired: DesiredObject, parts: VerifiedParts): string | undefined {
  const object = parts.live.get(desired.ref)
  return object && `${declarationOf(desired, parts)} ${stampOf(object)} ${object.metadata.resourceVersion}`
}

/** Whether a mark names what there is now. Of a version that it does not know the stamp decides: a status may have been written since. */
function stillHolds(mark: string, desired: DesiredObject, parts: VerifiedParts): boolean {
  const declaration = declarationOf(desired, parts)
  const version = parts.live.versionOf(desired.ref)
  if (version === undefined || !mark.startsWith(`${declaration} `)) return false
  if (mark.endsWith(` ${version}`)) return true
  const object = parts.live.get(desired.ref)
  return object !== undefined && mark.startsWith(`${declaration} ${stampOf(object)} `)
}

function declarationOf({ blob = '' }: DesiredObject, { version }: VerifiedParts): string {
  return `${version} ${blob}`
}
