import { FIELD_MANAGER } from '../../apply/index.ts'
import { breathe, type LayeredMap } from '../../base/index.ts'
import { assemblePlan, type Plan, type SourcePosition } from '../../diff/index.ts'
import { type ObjectRef, refKey } from '../../kube/index.ts'
import type { Inventory, InventoryEntry } from '../inventory.ts'
import type { LiveObjects } from '../live/live-objects.ts'
import type { AppOwnership } from '../ownership.ts'
import type { AppTarget, DesiredObject } from '../source/app-target.ts'

/** What a plan is made of beside the target. */
export interface PlanParts {
  readonly live: LiveObjects
  readonly inventory: Inventory
  /** Of the target's app. */
  readonly ownership: Pick<AppOwnership, 'foreignOwner' | 'isShared'>
}

/**
 * The plan that makes an app equal to a target. With `keys` (by `refKey`) only those objects are compared, and the others are
 * taken to be as they should; what the app owns in all counts for the hold rules in either case. What an app of another repository has is
 * left to that one.
 */
export function planTarget(target: AppTarget, parts: PlanParts, keys?: Iterable<string>): Plan {
  const { live } = parts
  const scope = keys === undefined ? wholeScope(target, parts) : narrowScope(target, parts, keys)
  const plan = assemblePlan({
    app: target.app,
    revision: target.commit.id,
    ...scope,
    live: ref => live.get(ref),
    allowDelete: target.allowDelete,
    busyNamespaces: name => live.pods(name).some(pod => pod.status?.phase === 'Running'),
    holdsClaims: name => live.claims(name).length > 0,
    ownsClaims: owner => live.ownsClaims(owner),
    manager: FIELD_MANAGER,
  })
  const rest = target.desired.size - scope.desired.size
  return rest === 0 ? plan : { ...plan, kept: rest }
}

/** Objects that are compared between two looks at the clock. */
const COMPARED_AT_ONCE = 20

/**
 * Compares what a plan will compare, a turn of the event loop at a time, and keeps nothing: of objects that were found equal that is known
 * from then on, so that the plan, which has to be of one instant, costs what differs. Undefined when there is so little to compare that the
 * plan may do so itself.
 */
export function compareAhead(
  target: AppTarget,
  parts: PlanParts,
  keys: Iterable<string>,
): Promise<void> | undefined {
  const live = [...keys].filter(key => isThere(target.desired.get(key), parts))
  return live.length <= COMPARED_AT_ONCE ? undefined : compareByTurns(target, parts, live)
}

async function compareByTurns(target: AppTarget, parts: PlanParts, keys: readonly string[]): Promise<void> {
  for (let at = 0; at < keys.length; at += COMPARED_AT_ONCE) {
    planTarget(target, parts, keys.slice(at, at + COMPARED_AT_ONCE))
    await breathe()
  }
}

function isThere(desired: DesiredObject | undefined, { live }: PlanParts): boolean {
  return desired !== undefined && live.versionOf(desired.ref) !== undefined
}

/** What is compared: declared objects, owned ones that are not declared, and how many the app owns and declares. */
interface Scope {
  readonly desired: ReadonlyMap<string, DesiredObject>
  readonly inventory: readonly InventoryEntry[]
  readonly kept: number
}

function wholeScope(target: AppTarget, parts: PlanParts): Scope {
  const undeclared: InventoryEntry[] = []
  let kept = 0
  for (const [key, entry] of parts.inventory.entriesOf(target.app)) {
    if (target.desired.has(key)) kept += 1
    else if (!target.isClaimedElsewhere(key) && !isLeftToOthers(entry.ref, parts)) undeclared.push(entry)
  }
  return { desired: ownable(target.desired, parts.ownership), inventory: undeclared, kept }
}

/** Without what others have. */
function ownable(
  desired: LayeredMap<string, DesiredObject>,
  { foreignOwner }: PlanParts['ownership'],
): LayeredMap<string, DesiredObject> {
  const foreign: string[] = []
  for (const key of desired.keys()) if (foreignOwner(key) !== undefined) foreign.push(key)
  return foreign.length === 0 ? desired : desired.with([], foreign)
}

function narrowScope(target: AppTarget, parts: PlanParts, keys: Iterable<string>): Scope {
  const owned = parts.inventory.entriesOf(target.app)
  const desired = new Map<string, DesiredObject>()
  const undeclared: InventoryEntry[] = []
  for (const key of keys) {
    const declared = target.desired.get(key)
    const entry = owned.get(key)
    if (declared !== undefined) {
      if (parts.ownership.foreignOwner(key) === undefined) desired.set(key, declared)
    } else if (entry !== undefined && !target.isClaimedElsewhere(key) && !isLeftToOthers(entry.ref, parts))
      undeclared.push(entry)
  }
  // Only deletions are weighed against all that the app owns.
  const kept = undeclared.length === 0 ? 0 : wholeScope(target, parts).kept
  return { desired, inventory: undeclared, kept }
}

/**
 * The keys of all that can differ from a target when everything was as `before` said: what is declared differently, what is no
 * longer declared, and what was owned without being declared.
 */
export function changedBetween(before: AppTarget, target: AppTarget, parts: PlanParts): Set<string> {
  const changed = new Set<string>(undeclaredBy(target, parts).keys())
  for (const key of target.desired.changedFrom(before.desired) ?? target.desired.keys()) {
    const desired = target.desired.get(key)
    if (desired !== undefined && before.desired.get(key) !== desired) changed.add(key)
  }
  return changed
}

/**
 * Whether the app owns objects that another app of the revision declares and has not taken over yet, because it is held: they
 * are left alone until it does, or until nobody declares them any more.
 */
export function isHandingOver(target: AppTarget, parts: PlanParts): boolean {
  for (const key of undeclaredBy(target, parts).keys()) if (target.isClaimedElsewhere(key)) return true
  return false
}

/**
 * What the inventory has to say once a plan is being carried out: a changed object is this commit's, a kept one stays its last
 * changer's, and what others have stays theirs. By `refKey`. With `keys` only those can have anything new to say.
 */
export function entriesFor(
  target: AppTarget,
  plan: Plan,
  { inventory, ownership }: Pick<PlanParts, 'inventory' | 'ownership'>,
  keys: Iterable<string> = target.desired.keys(),
): ReadonlyMap<string, InventoryEntry> {
  const owned = inventory.entriesOf(target.app)
  const changed = new Set(plan.changes.flatMap(({ action, ref }) => (action === 'keep' ? [] : refKey(ref))))
  const entries = new Map<string, InventoryEntry>()
  for (const key of keys) {
    const desired = target.desired.get(key)
    if (desired === undefined || ownership.foreignOwner(key) !== undefined) continue
    const { ref, source } = desired
    const known = owned.get(key)
    const commit = known === undefined || changed.has(key) ? target.commit.id : known.commit
    if (known?.commit === commit && isSamePlace(known.source, source)) continue
    entries.set(key, { app: target.app, ref: known?.ref ?? ref, source, commit })
  }
  return entries
}

/** Owned objects that the target does not declare, by `refKey`. */
export function undeclaredBy(
  target: AppTarget,
  { inventory }: Pick<PlanParts, 'inventory'>,
): ReadonlyMap<string, ObjectRef> {
  return inventory.undeclared(target.app, target.desired)
}

/** The keys of those that are gone from the cluster, with all that ran on their behalf, and of what is left to others: nothing is left to own. */
export function goneAmong(
  undeclared: ReadonlyMap<string, ObjectRef>,
  parts: Pick<PlanParts, 'live' | 'ownership'>,
): readonly string[] {
  const { live } = parts
  const gone: string[] = []
  for (const [key, ref] of undeclared)
    if ((live.get(ref) === undefined && live.podsOf(ref).length === 0) || isLeftToOthers(ref, parts))
      gone.push(key)
  return gone
}

/** A namespace in which apps of other repositories have objects stays, for it would take them along. */
function isLeftToOthers(
  { apiVersion, kind, name }: ObjectRef,
  { ownership }: Pick<PlanParts, 'ownership'>,
): boolean {
  return apiVersion === 'v1' && kind === 'Namespace' && ownership.isShared(name)
}

/** Whether two positions are one. */
export function isSamePlace(a: SourcePosition, b: SourcePosition): boolean {
  return a.file === b.file && a.line === b.line && a.column === b.column
}
