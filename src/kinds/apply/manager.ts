import { withMembers } from '../../base/index.ts'
import type { KubeObject, ManagedFieldsEntry } from '../../kube/index.ts'
import { differenceOf, type FieldSet, isEmptySet, unionOf } from './field-set.ts'
import { formatFieldsV1, parseFieldsV1 } from './fields-v1.ts'

/** One entry of `metadata.managedFields`, read. Two entries are the same manager's when {@link isSameManager} says so. */
export interface Manager {
  readonly name: string
  readonly operation: 'Apply' | 'Update'
  readonly apiVersion: string
  readonly subresource: string
  readonly time: string | undefined
  readonly fields: FieldSet
  /** The entry as it was read; written back as it is while nothing in it changes. */
  readonly entry: ManagedFieldsEntry | undefined
}

/** apiserver's `DefaultMaxUpdateManagers`, and the name under which it merges the oldest beyond it. */
const MAX_UPDATE_MANAGERS = 10
const ANCIENT_CHANGES = 'ancient-changes'

export function readManagers(entries: readonly ManagedFieldsEntry[] | undefined): readonly Manager[] {
  return (entries ?? []).flatMap(entry => {
    if (entry?.operation !== 'Apply' && entry?.operation !== 'Update') return []
    return [
      {
        name: entry.manager ?? '',
        operation: entry.operation,
        apiVersion: entry.apiVersion ?? '',
        subresource: entry.subresource ?? '',
        time: entry.time,
        fields: parseFieldsV1(entry.fieldsV1),
        entry,
      },
    ]
  })
}

/**
 * The entries of these managers: those without fields left out, at most ten updaters (the oldest merge into `ancient-changes`),
 * appliers first, then by time and name, as apiserver writes them. Undefined when there are none.
 */
export function writeManagers(managers: readonly Manager[]): readonly ManagedFieldsEntry[] | undefined {
  const kept = capUpdaters(managers.filter(manager => !isEmptySet(manager.fields)))
  return kept.length === 0 ? undefined : [...kept].sort(inWrittenOrder).map(writeManager)
}

/** An applier is the same whatever version it speaks; an updater of another version is another one. */
export function isSameManager(a: Manager, b: Manager): boolean {
  return (
    a.name === b.name &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  )
}

/** `object` with these entries; `original` itself when it differs from it in nothing. */
export function withEntries(
  object: KubeObject,
  entries: readonly ManagedFieldsEntry[] | undefined,
  original: KubeObject | undefined,
): KubeObject {
  if (object === original && sameEntries(entries, original.metadata.managedFields)) return original
  const { managedFields: _, ...metadata } = object.metadata
  return withMembers(object, {
    metadata: entries === undefined ? metadata : withMembers(metadata, { managedFields: entries }),
  })
}

export function withFields(manager: Manager, fields: FieldSet): Manager {
  return fields === manager.fields ? manager : { ...manager, fields, entry: undefined }
}

export function withoutFields(manager: Manager, fields: FieldSet): Manager {
  return withFields(manager, differenceOf(manager.fields, fields))
}

function sameEntries(
  a: readonly ManagedFieldsEntry[] | undefined,
  b: readonly ManagedFieldsEntry[] | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.length === b.length && a.every((entry, index) => entry === b[index])
}

function writeManager(manager: Manager): ManagedFieldsEntry {
  if (manager.entry !== undefined) return manager.entry
  return {
    manager: manager.name,
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time === undefined ? {} : { time: manager.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: formatFieldsV1(manager.fields),
    ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
  }
}

function capUpdaters(managers: readonly Manager[]): readonly Manager[] {
  const updaters = managers.filter(manager => manager.operation === 'Update').sort(byAge)
  let excess = updaters.length - MAX_UPDATE_MANAGERS
  if (excess <= 0) return managers
  const buckets = new Map<string, Manager>()
  const gone = new Set<Manager>()
  for (const updater of updaters) {
    if (excess <= 0) break
    const bucket = buckets.get(updater.apiVersion)
    gone.add(updater)
    if (bucket === undefined) buckets.set(updater.apiVersion, updater)
    else {
      buckets.set(updater.apiVersion, mergedInto(bucket, updater))
      excess -= 1
    }
  }
  return [...managers.filter(manager => !gone.has(manager)), ...buckets.values()]
}

function mergedInto(bucket: Manager, updater: Manager): Manager {
  return {
    name: ANCIENT_CHANGES,
    operation: 'Update',
    apiVersion: bucket.apiVersion,
    subresource: '',
    // The more recent of the two: updaters come oldest first.
    time: updater.time,
    fields: unionOf(bucket.fields, updater.fields),
    entry: undefined,
  }
}

function inWrittenOrder(a: Manager, b: Manager): number {
  return a.operation === b.operation ? byAge(a, b) : a.operation < b.operation ? -1 : 1
}

function byAge(a: Manager, b: Manager): number {
  return (
    compareText(a.time ?? '', b.time ?? '') ||
    compareText(a.name, b.name) ||
    compareText(a.apiVersion, b.apiVersion) ||
    compareText(a.subresource, b.subresource)
  )
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
