import { isObject } from '../base/index.ts'
import {
  equalValues,
  itemSchema,
  listTypeOf,
  mapKeysOf,
  mapKeyValues,
  memberSchema,
  type Schema,
} from '../kinds/index.ts'
import { type KubeObject, SERVER_SET_METADATA } from '../kube/index.ts'
import { excerpt, excerptPair } from './excerpt.ts'
import { indexPath, keyedPath, memberPath } from './field-path.ts'
import type { FieldChange } from './plan.ts'

/**
 * The fields in which two states of one object differ by meaning, sorted by name at every level. What comes or goes as a whole is
 * one change. Identity, status and what only the server sets are left out: a plan never changes them.
 */
export function compareObjects(
  schema: Schema,
  before: KubeObject,
  after: KubeObject,
): readonly FieldChange[] {
  const changes: FieldChange[] = []
  compareMembers(schema, before, after, '', changes, key => !NEVER_COMPARED.has(key))
  return changes
}

const NEVER_COMPARED: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'status'])

type Members = { readonly [key: string]: unknown }

function compareValues(
  schema: Schema,
  before: unknown,
  after: unknown,
  path: string,
  changes: FieldChange[],
): void {
  if (before === after || equalValues(schema, before, after)) return
  if (before === undefined) changes.push({ path, after: excerpt(after) })
  else if (after === undefined) changes.push({ path, before: excerpt(before) })
  else if (isObject(before) && isObject(after)) compareMembers(schema, before, after, path, changes)
  else if (Array.isArray(before) && Array.isArray(after)) compareLists(schema, before, after, path, changes)
  else changes.push(changeOf(path, before, after))
}

function compareMembers(
  schema: Schema,
  before: object,
  after: object,
  path: string,
  changes: FieldChange[],
  isCompared: (key: string) => boolean = path === 'metadata'
    ? key => !SERVER_SET_METADATA.has(key)
    : () => true,
): void {
  const left = before as Members
  const right = after as Members
  for (const key of [...new Set([...Object.keys(left), ...Object.keys(right)])].sort()) {
    if (!isCompared(key)) continue
    const ofLeft = Object.hasOwn(left, key) ? left[key] : undefined
    const ofRight = Object.hasOwn(right, key) ? right[key] : undefined
    compareValues(memberSchema(schema, key), ofLeft, ofRight, memberPath(path, key), changes)
  }
}

function compareLists(
  schema: Schema,
  before: readonly unknown[],
  after: readonly unknown[],
  path: string,
  changes: FieldChange[],
): void {
  if (listTypeOf(schema) === 'map') {
    const items = keyedItems(schema, before, after)
    if (items !== undefined) return compareKeyed(schema, items, path, changes)
  }
  if (listTypeOf(schema) === 'atomic' && before.length === after.length) {
    const items = itemSchema(schema)
    for (const [index, item] of before.entries())
      compareValues(items, item, after[index], indexPath(path, index), changes)
    return
  }
  changes.push(changeOf(path, before, after))
}

interface KeyedItems {
  readonly before: ReadonlyMap<string, unknown>
  readonly after: ReadonlyMap<string, unknown>
}

function compareKeyed(
  schema: Schema,
  { before, after }: KeyedItems,
  path: string,
  changes: FieldChange[],
): void {
  const items = itemSchema(schema)
  for (const key of [...new Set([...before.keys(), ...after.keys()])].sort())
    compareValues(items, before.get(key), after.get(key), `${path}${key}`, changes)
  const kept = [...before.keys()].filter(key => after.has(key))
  const now = [...after.keys()].filter(key => before.has(key))
  // The order counts as well: of environment variables and init containers it decides what happens.
  if (kept.some((key, index) => key !== now[index])) changes.push({ path, before: kept, after: now })
}

/** The items by their keys' text, of which only as many keys are shown as tell all items apart; undefined when none do. */
function keyedItems(
  schema: Schema,
  before: readonly unknown[],
  after: readonly unknown[],
): KeyedItems | undefined {
  const names = mapKeysOf(schema)
  for (let shown = 1; shown <= names.length; shown += 1) {
    const left = byKeys(schema, before, names.slice(0, shown))
    const right = byKeys(schema, after, names.slice(0, shown))
    if (left !== undefined && right !== undefined) return { before: left, after: right }
  }
  return undefined
}

function byKeys(
  schema: Schema,
  items: readonly unknown[],
  names: readonly string[],
): ReadonlyMap<string, unknown> | undefined {
  const map = new Map<string, unknown>()
  for (const item of items) {
    const values = mapKeyValues(schema, item)
    if (values === undefined) return undefined
    const key = keyedPath(
      '',
      names.map((name, index) => [name, values[index]]),
    )
    if (map.has(key)) return undefined
    map.set(key, item)
  }
  return map
}

function changeOf(path: string, before: unknown, after: unknown): FieldChange {
  const [ofBefore, ofAfter] = excerptPair(before, after)
  return { path, before: ofBefore, after: ofAfter }
}
