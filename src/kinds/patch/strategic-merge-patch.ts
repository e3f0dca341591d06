import { isObject, setOwn } from '../../base/index.ts'
import { resolveSchema, type Schema } from '../schema/schema.ts'
import { itemSchema, memberSchema } from '../schema-shape.ts'
import {
  DELETE_FROM_PRIMITIVE_LIST,
  directiveOf,
  PATCH,
  RETAIN_KEYS,
  SET_ELEMENT_ORDER,
} from './directives.ts'
import { orderElements } from './element-order.ts'
import { malformedPatch } from './patch-error.ts'

type Members = { readonly [key: string]: unknown }

/**
 * Strategic merge patch, as apimachinery's `strategicpatch` applies it: objects merge, null deletes, lists are replaced unless the
 * schema's patch strategy is `merge`; then they merge by the patch merge key (or as sets of plain values), and the patch's elements
 * come in the patch's order. The directives `$patch`, `$retainKeys`, `$setElementOrder/<list>` and `$deleteFromPrimitiveList/<list>`
 * are obeyed and never stored. 400 for what cannot be applied. Parts that do not change are shared with the input.
 */
export function applyStrategicMergePatch(schema: Schema, object: unknown, patch: unknown): unknown {
  if (!isObject(patch)) throw malformedPatch('invalid JSON document')
  return mergeObject(resolveSchema(schema), isObject(object) ? object : {}, patch)
}

function mergeObject(schema: Schema, original: Members, patch: Members): Members {
  const directive = patch[PATCH]
  if (directive === 'delete') return {}
  if (directive === 'replace') return withoutDirectives(patch) as Members
  if (directive !== undefined && directive !== 'merge') throw badPatchType(directive)

  const merged: Record<string, unknown> = {}
  const retained = readRetainKeys(patch)
  for (const [key, value] of Object.entries(original))
    if (retained === undefined || retained.has(key)) setOwn(merged, key, value)

  const lists = new Set<string>()
  for (const [key, value] of Object.entries(patch)) {
    const { name, field } = directiveOf(key)
    if (name === undefined) mergeMember(schema, merged, key, value, lists)
    else if (name === SET_ELEMENT_ORDER || name === DELETE_FROM_PRIMITIVE_LIST) lists.add(field)
  }
  for (const field of lists) mergeDirectedList(schema, merged, patch, field)
  return merged
}

/** Merges one member; a list that its own directive orders is left to {@link mergeDirectedList}. */
function mergeMember(
  schema: Schema,
  merged: Record<string, unknown>,
  key: string,
  value: unknown,
  lists: Set<string>,
): void {
  const member = memberSchema(schema, key)
  const before = Object.hasOwn(merged, key) ? merged[key] : undefined
  if (value === null) delete merged[key]
  else if (isObject(value)) {
    if (isObject(before)) setOwn(merged, key, mergeObject(member, before, value))
    else setOwn(merged, key, withoutDirectives(value))
  } else if (Array.isArray(value)) {
    if (isMergeList(member)) lists.add(key)
    else setOwn(merged, key, withoutDirectives(value))
  } else setOwn(merged, key, value)
}

/** Merges a list with what the patch says of it in up to three members: itself, its order, and what to delete. */
function mergeDirectedList(
  schema: Schema,
  merged: Record<string, unknown>,
  patch: Members,
  field: string,
): void {
  const listSchema = memberSchema(schema, field)
  const before = Object.hasOwn(merged, field) ? merged[field] : undefined
  const order = readDirectiveList(
    patch,
    SET_ELEMENT_ORDER,
    field,
    'invalid patch format of setElementOrder list',
  )
  const removals = readDirectiveList(
    patch,
    DELETE_FROM_PRIMITIVE_LIST,
    field,
    'invalid patch format of primitive list',
  )
  const changes = Object.hasOwn(patch, field) ? patch[field] : undefined
  if (changes !== undefined && !Array.isArray(changes)) {
    // Null or another type: mergeMember has dealt with it, and there is no list left to order.
    return
  }
  if (!Array.isArray(before) && changes === undefined) return

  if (!Array.isArray(before)) {
    setOwn(merged, field, addedList(listSchema, changes ?? [], order))
    return
  }
  const removed = new Set<unknown>(removals)
  const kept = before.filter(item => !removed.has(item))
  setOwn(merged, field, mergeList(listSchema, kept, changes ?? [], order))
}

/** A list where there was none: there is nothing to merge with, not even for two elements of one key. */
function addedList(
  schema: Schema,
  changes: readonly unknown[],
  order: readonly unknown[] | undefined,
): readonly unknown[] {
  const added = withoutDirectives(changes) as readonly unknown[]
  const mergeKey = schema['x-kubernetes-patch-merge-key']
  if (order === undefined) return added
  return orderElements(added, order, [], mergeKey === undefined ? item => item : keyedBy(mergeKey))
}

function mergeList(
  schema: Schema,
  live: readonly unknown[],
  changes: readonly unknown[],
  order: readonly unknown[] | undefined,
): readonly unknown[] {
  if (!isMergeList(schema)) return changes.length > 0 ? changes.map(withoutDirectives) : live
  const items = [...live, ...changes]
  if (items.some(Array.isArray)) throw malformedPatch('lists of lists are not supported')
  if (!items.some(isObject)) return orderElements([...new Set(items)], order ?? changes, live, item => item)
  const mergeKey = schema['x-kubernetes-patch-merge-key']
  if (mergeKey === undefined) throw malformedPatch('cannot merge lists without merge key')
  return mergeByKey(itemSchema(schema), mergeKey, live, changes, order)
}

function mergeByKey(
  schema: Schema,
  mergeKey: string,
  live: readonly unknown[],
  changes: readonly unknown[],
  order: readonly unknown[] | undefined,
): readonly unknown[] {
  const { plain, deleted, replace } = splitChanges(changes, mergeKey)
  if (replace) return plain.map(withoutDirectives)

  const keyOf = keyedBy(mergeKey)
  const result: unknown[] = live.filter(item => !deleted.has(keyOf(item)))
  // Of several with one key, as a port of two protocols is, the first.
  const indexes = new Map(result.map((item, index) => [keyOf(item), index] as const).reverse())
  for (const change of plain) {
    const key = keyOf(change)
    const at = indexes.get(key)
    if (at === undefined) {
      indexes.set(key, result.length)
      result.push(withoutDirectives(change))
    } else result[at] = mergeObject(schema, result[at] as Members, change)
  }
  return orderElements(result, order ?? plain, live, keyOf)
}

function keyedBy(mergeKey: string): (item: unknown) => unknown {
  return item => (isObject(item) ? item[mergeKey] : undefined)
}

/** The elements to merge, the keys to delete, and whether a `$patch: replace` among them empties the list first. */
function splitChanges(
  changes: readonly unknown[],
  mergeKey: string,
): { readonly plain: readonly Members[]; readonly deleted: ReadonlySet<unknown>; readonly replace: boolean } {
  const plain: Members[] = []
  const deleted = new Set<unknown>()
  let replace = false
  for (const change of changes) {
    if (!isObject(change)) throw malformedPatch('list element types are not identical')
    const directive = change[PATCH]
    if (directive === 'replace') replace = true
    else if (directive === 'merge') throw malformedPatch('merging lists cannot yet be specified in the patch')
    else if (directive === undefined || directive === 'delete') {
      if (change[mergeKey] === undefined) {
        const shown = JSON.stringify(change)
        throw malformedPatch(`map: ${shown} does not contain declared merge key: ${mergeKey}`)
      }
      if (directive === undefined) plain.push(change)
      else deleted.add(change[mergeKey])
    } else throw badPatchType(directive)
  }
  return { plain, deleted, replace }
}

/** What the patch adds where nothing was, freed of directives and nulls: neither may reach the stored object. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter(item => !isDirectiveItem(item)).map(withoutDirectives)
  if (!isObject(value)) return value
  const clean: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value))
    if (directiveOf(key).name === undefined && member !== null) setOwn(clean, key, withoutDirectives(member))
  return clean
}

function isDirectiveItem(item: unknown): boolean {
  return isObject(item) && (item[PATCH] === 'delete' || item[PATCH] === 'replace')
}

function isMergeList(schema: Schema): boolean {
  return (schema['x-kubernetes-patch-strategy'] ?? '').split(',').includes('merge')
}

/** The members that `$retainKeys` keeps; every member that the patch sets must be among them. */
function readRetainKeys(patch: Members): ReadonlySet<unknown> | undefined {
  const keys = patch[RETAIN_KEYS]
  if (keys === undefined) return undefined
  if (!Array.isArray(keys)) throw malformedPatch('invalid patch format of retainKeys')
  const retained = new Set<unknown>(keys)
  for (const [key, value] of Object.entries(patch))
    if (directiveOf(key).name === undefined && value !== null && !retained.has(key))
      throw malformedPatch('invalid patch format of retainKeys')
  return retained
}

function readDirectiveList(
  patch: Members,
  directive: string,
  field: string,
  problem: string,
): readonly unknown[] | undefined {
  const list = patch[`${directive}/${field}`]
  if (list === undefined) return undefined
  if (!Array.isArray(list)) throw malformedPatch(problem)
  return list
}

function badPatchType(directive: unknown): Error {
  return malformedPatch(`unknown patch type: ${JSON.stringify(directive)}`)
}
