import type { KubeObject, ManagedFieldsEntry } from '../../kube/index.ts'
import { resolveSchema, type Schema } from '../schema/schema.ts'
import { compareFields } from './compare-fields.ts'
import { differenceOf, type FieldSet, isEmptySet, NO_FIELDS, unionOf } from './field-set.ts'
import {
  isSameManager,
  type Manager,
  readManagers,
  withEntries,
  withoutFields,
  writeManagers,
} from './manager.ts'
import { ownableFields } from './ownable-fields.ts'

export interface UpdateInput {
  readonly schema: Schema
  /** The stored object; undefined for a create. */
  readonly before: KubeObject | undefined
  /** What will be stored. Its `managedFields` count where the client may set them, as apiserver has it. */
  readonly after: KubeObject
  readonly manager: string
  /** When: an ISO date and time without fractions. */
  readonly nowIso: string
  /** `status`, `scale`, …; empty for the object itself. */
  readonly subresource?: string
}

/**
 * `after` with the account of who owns what after a create, update or patch: the manager owns what the write added or changed,
 * nobody what it removed. Where the write changes nothing that can be owned, the entries stay as they were, times included.
 * An object without any entry stays without (apiserver's `skipNonApplied`); a request resets them by a single empty entry.
 */
export function trackUpdate(input: UpdateInput): KubeObject {
  const schema = resolveSchema(input.schema)
  const { before, after, subresource = '' } = input
  const requested = after.metadata.managedFields
  if (subresource === '' && isReset(requested)) return withEntries(after, undefined, after)
  const managers = currentManagers(before, subresource === '' ? requested : undefined)
  if (before !== undefined && managers.length === 0) return withEntries(after, undefined, after)

  const { added, modified, removed } = compareFields(schema, before ?? {}, after)
  const taken = ownableFields(unionOf(added, modified))
  const lost = unionOf(taken, removed)
  const self: Manager = {
    name: input.manager,
    operation: 'Update',
    apiVersion: after.apiVersion,
    subresource,
    time: input.nowIso,
    fields: NO_FIELDS,
    entry: undefined,
  }
  const previous = managers.find(manager => isSameManager(manager, self))
  const others = managers.filter(manager => manager !== previous).map(manager => withoutFields(manager, lost))
  const kept = previous === undefined ? NO_FIELDS : differenceOf(previous.fields, removed)
  const mine = isEmptySet(taken)
    ? previous && withoutFields(previous, removed)
    : ownedBy(self, previous, unionOf(kept, taken), input.nowIso)
  return withEntries(after, writeManagers(mine === undefined ? others : [...others, mine]), after)
}

/** A manager with what it owns now. Where that is what it owned before, its entry says so already, but for the time. */
function ownedBy(self: Manager, previous: Manager | undefined, fields: FieldSet, nowIso: string): Manager {
  const isSame = previous?.entry !== undefined && previous.fields === fields
  return { ...self, fields, entry: isSame ? { ...previous.entry, time: nowIso } : undefined }
}

/** The entries that the request brings, or else those that are stored: a client that does not know them cannot delete them. */
function currentManagers(
  before: KubeObject | undefined,
  requested: readonly ManagedFieldsEntry[] | undefined,
): readonly Manager[] {
  const own = readManagers(requested)
  return own.length > 0 ? own : readManagers(before?.metadata.managedFields)
}

function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  return entries?.[0] !== undefined && Object.keys(entries[0]).length === 0
}
