import type { Json } from '../base/index.ts'
import type { FieldProblem } from '../kinds/index.ts'
import type { ObjectRef } from '../kube/index.ts'

/** Where in the repository an object or a problem stands. Lines and columns start at 1. */
export interface SourcePosition {
  readonly file: string
  readonly line: number
  readonly column: number
}

/**
 * What a plan does with one object. `create` also stands for one that is still there but is being deleted: it has to be made anew
 * once it is gone, so a write that meets it earlier is to be done again.
 */
export type Action = 'create' | 'configure' | 'delete' | 'keep'

/** One field that differs. Secret values are masked here already: `***`, or `*** (before)` and `*** (after)`. */
export interface FieldChange {
  /** As validation writes paths: `spec.template.spec.containers[0].image`; merge-keyed lists by key: `containers[name="web"].image`. */
  readonly path: string
  /** Absent: the field did not exist. */
  readonly before?: Json
  /** Absent: the field goes away. */
  readonly after?: Json
}

export interface Change {
  readonly action: Action
  readonly ref: ObjectRef
  /** Where Git declares it; of a delete: where it was declared last. */
  readonly source?: SourcePosition
  /** For configure: what differs. Empty for the others. */
  readonly fields: readonly FieldChange[]
  /** For configure: what the API would refuse of it, however often it is asked. May quote values that are no Secret's. */
  readonly refusals?: readonly FieldProblem[]
}

/** Why a plan waits for a person, and the trailer that lets it go. */
export interface Hold {
  readonly reason: 'deletes-everything' | 'deletes-most' | 'deletes-busy-namespace' | 'deletes-data'
  readonly message: string
  /** How many deletions the trailer `Bowline-Allow-Delete` must allow. */
  readonly deletes: number
}

/** The ordered changes that make an app's live state equal to one revision. Plain data, safe to print. */
export interface Plan {
  readonly app: string
  /** The commit. */
  readonly revision: string
  /** In the order in which they are carried out; `keep` entries last. Of the candidates alone, where the plan was made for some. */
  readonly changes: readonly Change[]
  /** How many objects stay as they are beside those that `changes` names, where it does not name them all. */
  readonly kept?: number
  readonly hold?: Hold
}

/** How many changes of each action. */
export function countActions(plan: Plan): Readonly<Record<Action, number>> {
  const counts: Record<Action, number> = { create: 0, configure: 0, delete: 0, keep: plan.kept ?? 0 }
  for (const change of plan.changes) counts[change.action] += 1
  return counts
}

/** True when carrying the plan out would write nothing. */
export function isEmptyPlan(plan: Plan): boolean {
  return plan.changes.every(change => change.action === 'keep')
}
