import { type KubeObject, type ObjectRef, refKey, refOf } from '../kube/index.ts'
import { compareChanges } from './change-order.ts'
import { holdOf } from './hold-rules.ts'
import type { Change, Plan, SourcePosition } from './plan.ts'
import { type DesiredObject, planObject } from './plan-object.ts'

/** An object that Git owned when the plan was made: the only permission to delete that there is. */
export interface OwnedObject {
  readonly ref: ObjectRef
  /** Where it was declared last. */
  readonly source: SourcePosition
  /** When given, only the object of this uid is owned, not one of the same name that someone made since. */
  readonly uid?: string
}

export interface PlanInput {
  readonly app: string
  /** The commit. */
  readonly revision: string
  /** Everything that the app declares at this revision. */
  readonly desired: readonly DesiredObject[]
  /** The object as the cluster holds it now; frozen. */
  readonly live: (ref: ObjectRef) => KubeObject | undefined
  /** Everything that Git owns of this app, also what is gone already. */
  readonly inventory: readonly OwnedObject[]
  /** How many deletions the commit's trailer `Bowline-Allow-Delete` allows; 0 without one. */
  readonly allowDelete: number | 'all'
  /** Whether pods run in a namespace. */
  readonly busyNamespaces: (name: string) => boolean
  /** The field manager that will apply the plan. */
  readonly manager: string
  /**
   * The objects that may have changed since the last plan, declared or owned; the plan speaks of no others. Absent: all of
   * them. `desired` and `inventory` are complete in either case: the hold rules weigh deletions against all that the app owns.
   */
  readonly candidates?: readonly ObjectRef[]
}

/**
 * The ordered changes that make the live state equal to what Git declares. A pure function: the same input in any order gives the
 * same plan, and once it is carried out the next plan is empty.
 *
 * What Git owned and does not declare any more is deleted while it is still there; what is on its way out already is left out.
 */
export function assemblePlan(input: PlanInput): Plan {
  const asked = input.candidates && new Set(input.candidates.map(refKey))
  const declared = new Map<string, DesiredObject>()
  for (const desired of input.desired) {
    const key = refKey(refOf(desired.object))
    const other = declared.get(key)
    if (other === undefined || comparePositions(desired.source, other.source) < 0) declared.set(key, desired)
  }
  const changes: Change[] = []
  for (const key of asked ?? declared.keys()) {
    const desired = declared.get(key)
    if (desired !== undefined)
      changes.push(planObject(desired, input.live(refOf(desired.object)), input.manager))
  }
  const deletions = planDeletions(input, declared, asked)
  const hold = holdOf({
    app: input.app,
    refs: deletions.changes.map(({ ref }) => ref),
    kept: deletions.kept,
    allowed: input.allowDelete,
    isBusyNamespace: input.busyNamespaces,
  })
  return {
    app: input.app,
    revision: input.revision,
    changes: [...changes, ...deletions.changes].sort(compareChanges),
    ...(hold === undefined ? {} : { hold }),
  }
}

/** The deletions among the objects asked for, and how many owned objects the app still declares. */
function planDeletions(
  { inventory, live }: PlanInput,
  declared: ReadonlyMap<string, DesiredObject>,
  asked: ReadonlySet<string> | undefined,
): { readonly changes: readonly Change[]; readonly kept: number } {
  const changes = new Map<string, Change>()
  let kept = 0
  for (const { ref, source, uid } of inventory) {
    const key = refKey(ref)
    if (declared.has(key)) kept += 1
    else if (asked === undefined || asked.has(key)) {
      const { metadata } = live(ref) ?? {}
      if (metadata === undefined || metadata.deletionTimestamp !== undefined) continue
      if (uid !== undefined && uid !== metadata.uid) continue
      changes.set(key, { action: 'delete', ref, source, fields: [] })
    }
  }
  return { changes: [...changes.values()], kept }
}

function comparePositions(a: SourcePosition, b: SourcePosition): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}
