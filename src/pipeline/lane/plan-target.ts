import { FIELD_MANAGER } from '../../apply/index.ts'
import { assemblePlan, type Plan, type SourcePosition } from '../../diff/index.ts'
import { type ObjectRef, refKey, refOf } from '../../kube/index.ts'
import type { Inventory, InventoryEntry } from '../inventory.ts'
import type { LiveObjects } from '../live/live-objects.ts'
import type { AppTarget, DesiredObject } from '../source/app-target.ts'

/** What a plan is made of beside the target. */
export interface PlanParts {
  readonly live: LiveObjects
  readonly inventory: Inventory
}

/**
 * The plan that makes an app equal to a target. With `candidates` only those objects are compared; what the revision declares
 * in all still counts for the hold rules.
 */
export function planTarget(
  target: AppTarget,
  { live, inventory }: PlanParts,
  candidates?: readonly ObjectRef[],
): Plan {
  // Only what is not declared can be up for deletion, and only deletions are weighed against all that the app owns.
  const declared = candidates === undefined ? undefined : declaredOf(target, candidates)
  return assemblePlan({
    app: target.app,
    revision: target.commit.id,
    desired: declared ?? [...target.desired.values()],
    live: ref => live.get(ref),
    inventory: declared === undefined ? ownedBy(target, inventory) : [],
    allowDelete: target.allowDelete,
    busyNamespaces: name => live.pods(name).some(pod => pod.status?.phase === 'Running'),
    manager: FIELD_MANAGER,
    ...(candidates === undefined ? {} : { candidates }),
  })
}

/** What the target declares of these objects; undefined when it does not declare all of them. */
function declaredOf(target: AppTarget, refs: readonly ObjectRef[]): readonly DesiredObject[] | undefined {
  const declared: DesiredObject[] = []
  for (const ref of refs) {
    const desired = target.desired.get(refKey(ref))
    if (desired === undefined) return undefined
    declared.push(desired)
  }
  return declared
}

function ownedBy(target: AppTarget, inventory: Inventory): readonly InventoryEntry[] {
  const owned: InventoryEntry[] = []
  for (const [key, entry] of inventory.entriesOf(target.app)) if (!movesAway(target, key)) owned.push(entry)
  return owned
}

/**
 * Whether the app owns objects that another app of the revision declares and has not taken over yet, because it is held: they
 * are left alone until it does, or until nobody declares them any more.
 */
export function isHandingOver(target: AppTarget, { inventory }: PlanParts): boolean {
  for (const key of inventory.entriesOf(target.app).keys()) if (movesAway(target, key)) return true
  return false
}

/** What the inventory has to say once a plan is being carried out: a changed object is this commit's, a kept one stays its last changer's. */
export function entriesFor(
  target: AppTarget,
  plan: Plan,
  { inventory }: PlanParts,
): readonly InventoryEntry[] {
  const owned = inventory.entriesOf(target.app)
  const changed = new Set(plan.changes.flatMap(({ action, ref }) => (action === 'keep' ? [] : refKey(ref))))
  const entries: InventoryEntry[] = []
  for (const [key, { object, source }] of target.desired) {
    const known = owned.get(key)
    const commit = known === undefined || changed.has(key) ? target.commit.id : known.commit
    if (known?.commit === commit && isSamePlace(known.source, source)) continue
    entries.push({ app: target.app, ref: known?.ref ?? refOf(object), source, commit })
  }
  return entries
}

/**
 * Owned objects that the target does not declare and that are gone from the cluster, with all that ran on their behalf: nothing is
 * left to own.
 */
export function goneFrom(target: AppTarget, { live, inventory }: PlanParts): readonly string[] {
  const gone: string[] = []
  for (const [key, { ref }] of inventory.entriesOf(target.app)) {
    if (target.desired.has(key)) continue
    if (live.get(ref) === undefined && live.podsOf(ref).length === 0) gone.push(key)
  }
  return gone
}

/** An object that left this app for another one of the same revision. */
function movesAway(target: AppTarget, key: string): boolean {
  return !target.desired.has(key) && target.isClaimedElsewhere(key)
}

function isSamePlace(a: SourcePosition, b: SourcePosition): boolean {
  return a.file === b.file && a.line === b.line && a.column === b.column
}
