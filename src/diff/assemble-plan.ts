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
  /** Everything that the app declares at this revision: a list, or by `refKey` where each object is known to be declared once. */
  readonly desired: readonly DesiredObject[] | ReadonlyMap<string, DesiredObject>
  /** The object as the cluster holds it now; frozen. */
  readonly live: (ref: ObjectRef) => KubeObject | undefined
  /** Everything that Git owns of this app, also what is gone already; with `kept`, only what is not declared. */
  readonly inventory: readonly OwnedObject[]
  /** How many objects the app owns and still declares, where that is known. */
  readonly kept?: number
  /** How many deletions the commit's trailer `Bowline-Allow-Delete` allows; 0 without one. */
  readonly allowDelete: number | 'all'
  /** Whether pods run in a namespace. */
  readonly busyNamespaces: (name: string) => boolean
  /** Whether a namespace has claims, whoever made them. */
  readonly holdsClaims: (namespace: string) => boolean
  /** Whether claims go with an object, being owned by it: a StatefulSet's do where its retention policy says so. */
  readonly ownsClaims: (owner: KubeObject) => boolean
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
  const declared = declaredAmong(input.desired, asked)
  const changes: Change[] = []
  for (const desired of declared.values()) {
    const { ref } = identityOf(desired.object)
    changes.push(planObject(desired, { ref, live: input.live(ref), manager: input.manager }))
  }
  const deletions = planDeletions(input, declared, asked)
  const hold = holdOf({
    app: input.app,
    refs: deletions.map(({ ref }) => ref),
    kept: deletions.length === 0 ? 0 : (input.kept ?? countKept(input)),
    allowed: input.allowDelete,
    isBusyNamespace: input.busyNamespaces,
    holdsClaims: input.holdsClaims,
    ownsClaims: ref => ownsClaims(input, ref),
  })
  return {
    app: input.app,
    revision: input.revision,
    changes: [...changes, ...deletions].sort(compareChanges),
    ...(hold === undefined ? {} : { hold }),
  }
}

/** The declared objects that are asked for, by key. Of two declarations of one object the first in the repository counts. */
function declaredAmong(
  desired: PlanInput['desired'],
  asked: ReadonlySet<string> | undefined,
): ReadonlyMap<string, DesiredObject> {
  if (isByKey(desired) && asked === undefined) return desired
  const declared = new Map<string, DesiredObject>()
  for (const one of desired.values()) {
    const { key } = identityOf(one.object)
    if (asked !== undefined && !asked.has(key)) continue
    const other = declared.get(key)
    if (other === undefined || comparePositions(one.source, other.source) < 0) declared.set(key, one)
  }
  return declared
}

function planDeletions(
  { inventory, live }: PlanInput,
  declared: ReadonlyMap<string, DesiredObject>,
  asked: ReadonlySet<string> | undefined,
): readonly Change[] {
  const changes = new Map<string, Change>()
  for (const { ref, source, uid } of inventory) {
    const key = refKeyOf(ref)
    if (declared.has(key) || (asked !== undefined && !asked.has(key))) continue
    const { metadata } = live(ref) ?? {}
    if (metadata === undefined || metadata.deletionTimestamp !== undefined) continue
    if (uid !== undefined && uid !== metadata.uid) continue
    changes.set(key, { action: 'delete', ref, source, fields: [] })
  }
  return [...changes.values()]
}

function ownsClaims(input: PlanInput, ref: ObjectRef): boolean {
  const owner = input.live(ref)
  return owner !== undefined && input.ownsClaims(owner)
}

/** How many owned objects the app still declares. */
function countKept({ desired, inventory }: PlanInput): number {
  const declared = declaredAmong(desired, undefined)
  return inventory.reduce((kept, { ref }) => (declared.has(refKeyOf(ref)) ? kept + 1 : kept), 0)
}

function isByKey(desired: PlanInput['desired']): desired is ReadonlyMap<string, DesiredObject> {
  return !Array.isArray(desired)
}

interface Identity {
  readonly ref: ObjectRef
  readonly key: string
}

/** References and keys of objects, made once: objects never change, and a plan of 10,000 looks all of them up. */
const identities = new WeakMap<KubeObject, Identity>()
const knownKeys = new WeakMap<ObjectRef, string>()

function identityOf(object: KubeObject): Identity {
  const known = identities.get(object)
  if (known !== undefined) return known
  const ref = refOf(object)
  const identity = { ref, key: refKey(ref) }
  identities.set(object, identity)
  return identity
}

function refKeyOf(ref: ObjectRef): string {
  const known = knownKeys.get(ref)
  if (known !== undefined) return known
  const key = refKey(ref)
  knownKeys.set(ref, key)
  return key
}

function comparePositions(a: SourcePosition, b: SourcePosition): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  return a.line - b.line || a.column - b.column
}
