import { isObject, setOwn } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { resolveSchema, type Schema } from '../schema/schema.ts'
import { isNamedField } from '../schema-shape.ts'
import { compareFields } from './compare-fields.ts'
import { conflictsWith, type FieldConflict } from './field-conflict.ts'
import { differenceOf, type FieldSet, isEmptySet, NO_FIELDS, sameFields, unionOf } from './field-set.ts'
import { clientSideApplied, withLastApplied } from './last-applied.ts'
import {
  isSameManager,
  type Manager,
  readManagers,
  withEntries,
  withFields,
  withoutFields,
  writeManagers,
} from './manager.ts'
import { mergeDeclared } from './merge-declared.ts'
import { declaredFields } from './object-fields.ts'
import { applicablePart, ownableFields } from './ownable-fields.ts'
import { removeFields } from './remove-fields.ts'

export interface ApplyInput {
  readonly schema: Schema
  /** The object as it is, with its `managedFields`; undefined when it is not there. */
  readonly live: KubeObject | undefined
  /** What the manager declares: all of it, and nothing else. */
  readonly applied: KubeObject
  readonly manager: string
  /** Take the fields of others over instead of answering with conflicts. */
  readonly force: boolean
  /** When: an ISO date and time without fractions, as `metav1.Time` is written. */
  readonly nowIso: string
  /** `status`, `scale`, or empty for the object itself. */
  readonly subresource?: string
  /** Whether the status is written apart from the rest; absent: it is when the schema has one. */
  readonly hasStatus?: boolean
}

export interface ApplyResult {
  /**
   * The object as it would be, before defaulting. Exactly `live` (the same object) when the apply changes nothing, or when
   * there are conflicts. Unchanged parts are shared with `live` and `applied`.
   */
  readonly object: KubeObject
  /** Empty when forced. Otherwise `applyConflictError` makes the answer of them. */
  readonly conflicts: readonly FieldConflict[]
}

/** Who owned what there was before the first apply, where nobody kept account. */
const BEFORE_FIRST_APPLY = 'before-first-apply'

/**
 * Server-side apply, after structured-merge-diff: the declared fields are set and owned by `manager`; fields that it declared
 * last time, does not declare any more and that nobody else owns go away; everything else is left alone. Fields of another
 * manager that would change are conflicts, unless they get the value that they have.
 */
export function serverSideApply(input: ApplyInput): ApplyResult {
  const schema = resolveSchema(input.schema)
  const { live, subresource = '' } = input
  const applied = applicablePart(
    input.applied,
    subresource,
    input.hasStatus ?? isNamedField(schema, 'status'),
  )
  const self: Manager = {
    name: input.manager,
    operation: 'Apply',
    apiVersion: applied.apiVersion,
    subresource,
    time: input.nowIso,
    fields: declaredFields(schema, applied),
    entry: undefined,
  }
  const known = live === undefined ? [] : managersOf(schema, live, input)
  const previous = known.find(manager => isSameManager(manager, self))
  const others = known.filter(manager => manager !== previous)

  const merged = mergeDeclared(schema, live ?? {}, applied)
  const last = previous?.fields ?? NO_FIELDS
  const pruned = isEmptySet(differenceOf(last, self.fields))
    ? merged
    : removeFields(schema, merged, last, unionOf(allFields(others), self.fields))
  const { added, modified, removed } = compareFields(schema, live ?? {}, pruned)

  const changed = unionOf(added, modified)
  if (!input.force && live !== undefined) {
    const conflicts = conflictsWith(others, changed)
    const allowed = conflicts.length > 0 ? clientSideApplied(schema, live, input.manager) : NO_FIELDS
    const remaining = conflictsWith(
      others.map(manager => withoutFields(manager, allowed)),
      changed,
    )
    if (remaining.length > 0) return { object: live, conflicts: remaining }
  }
  const lost = unionOf(changed, removed)
  const owned = ownableFields(self.fields)
  const isUnchanged = pruned === live && previous !== undefined && sameFields(previous.fields, owned)
  const keptSelf = isUnchanged && previous.apiVersion === self.apiVersion ? previous : withFields(self, owned)
  const managedFields = writeManagers([...others.map(manager => withoutFields(manager, lost)), keptSelf])
  const clean = withoutNulls(pruned, live) as KubeObject
  // What is applied through a subresource is a part of what `kubectl apply` would compare with.
  const result = subresource === '' ? withLastApplied(clean, input.applied, input.manager) : clean
  return { object: withEntries(result, managedFields, live), conflicts: [] }
}

/** The managers of a live object; where nobody kept account, one that owns all there is. */
function managersOf(schema: Schema, live: KubeObject, { applied, nowIso }: ApplyInput): readonly Manager[] {
  const managers = readManagers(live.metadata.managedFields)
  if (managers.length > 0) return managers
  const { added } = compareFields(schema, {}, live)
  return [
    {
      name: BEFORE_FIRST_APPLY,
      operation: 'Update',
      apiVersion: applied.apiVersion,
      subresource: '',
      time: nowIso,
      fields: ownableFields(added),
      entry: undefined,
    },
  ]
}

function allFields(managers: readonly Manager[]): FieldSet {
  return managers.reduce<FieldSet>((fields, manager) => unionOf(fields, manager.fields), NO_FIELDS)
}

/** Drops the nulls that the apply brought: they have taken their field's value away, and are none themselves. */
function withoutNulls(value: unknown, live: unknown): unknown {
  if (value === live || !isObject(value)) {
    if (!Array.isArray(value)) return value
    return value === live ? value : value.map(item => withoutNulls(item, undefined))
  }
  const clean: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value)) {
    const before = isObject(live) && Object.hasOwn(live, key) ? live[key] : undefined
    if (member !== null || before === null) setOwn(clean, key, withoutNulls(member, before))
  }
  return clean
}
