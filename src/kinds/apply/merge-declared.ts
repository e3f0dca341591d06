import { isObject, setOwn } from '../../base/index.ts'
import { equalValues } from '../equality.ts'
import type { Schema } from '../schema/schema.ts'
import { isAtomicMap, itemSchema, listTypeOf, memberSchema } from '../schema-shape.ts'
import { type FieldElement, itemElements } from './field-element.ts'

/**
 * `live` with everything that `declared` says: objects merge member by member, set and map lists item by item, the rest is
 * replaced. What means the same stays as it is in `live`, and where nothing changes the very same object comes back, so that
 * identity tells "unchanged". A declared null stands for "no value" and is kept as null where there was one.
 */
export function mergeDeclared(schema: Schema, live: unknown, declared: unknown): unknown {
  if (declared === undefined || live === declared) return live
  // An empty list or map is absence: it is not stored, so that applying it again changes nothing.
  if (live === undefined && equalValues(schema, live, declared)) return live
  if (isObject(declared) && !isAtomicMap(schema)) {
    if (isObject(live)) return mergeObjects(schema, live, declared)
    if (live === undefined || live === null) {
      const created = mergeObjects(schema, {}, declared)
      // Where nothing but absence is declared, nothing comes to be; an object that is declared empty does.
      return isEmpty(created) && !isEmpty(declared) ? live : created
    }
  }
  if (
    Array.isArray(declared) &&
    listTypeOf(schema) !== 'atomic' &&
    (live === undefined || Array.isArray(live))
  )
    return mergeLists(schema, live, declared)
  if (live !== undefined && equalValues(schema, live, declared)) return live
  return declared
}

function mergeObjects(
  schema: Schema,
  live: { readonly [key: string]: unknown },
  declared: { readonly [key: string]: unknown },
): { readonly [key: string]: unknown } {
  let merged: Record<string, unknown> | undefined
  for (const [key, value] of Object.entries(declared)) {
    const before = Object.hasOwn(live, key) ? live[key] : undefined
    if (value === undefined || (value === null && (before === undefined || before === null))) continue
    const after = mergeDeclared(memberSchema(schema, key), before, value)
    if (after === before) continue
    merged ??= copyOf(live)
    setOwn(merged, key, after)
  }
  return merged ?? live
}

/**
 * Declared items stand in the declared order. Items that only `live` has keep theirs, and come in as far ahead as the walk
 * through both lists meets them (structured-merge-diff's order).
 */
function mergeLists(
  schema: Schema,
  live: readonly unknown[] | undefined,
  declared: readonly unknown[],
): unknown {
  if (live === undefined) return declared.map(item => mergeItem(schema, undefined, item))
  const liveElements = itemElements(schema, live)
  const declaredElements = itemElements(schema, declared)
  const wanted = new Set(declaredElements)
  const liveItems = new Map<FieldElement | undefined, unknown>()
  for (const [index, element] of liveElements.entries())
    if (!liveItems.has(element)) liveItems.set(element, live[index])

  const shared = declaredElements.filter(element => liveItems.has(element))
  const merged: unknown[] = []
  let nextLive = 0
  let nextShared = 0
  for (const [index, element] of declaredElements.entries()) {
    while (nextLive < live.length) {
      const at = liveElements[nextLive]
      if (!wanted.has(at)) merged.push(live[nextLive])
      else if (at === shared[nextShared]) break
      nextLive += 1
    }
    merged.push(mergeItem(schema, liveItems.get(element), declared[index]))
    if (element === shared[nextShared]) {
      nextShared += 1
      nextLive += 1
    }
  }
  for (; nextLive < live.length; nextLive += 1)
    if (!wanted.has(liveElements[nextLive])) merged.push(live[nextLive])
  return merged.length === live.length && merged.every((item, index) => item === live[index]) ? live : merged
}

/** An item that declares nothing but absence is an empty one: a list has no holes. */
function mergeItem(schema: Schema, live: unknown, declared: unknown): unknown {
  const merged = mergeDeclared(itemSchema(schema), live, declared)
  return merged === undefined ? {} : merged
}

function isEmpty(object: { readonly [key: string]: unknown }): boolean {
  return Object.keys(object).length === 0
}

function copyOf(object: { readonly [key: string]: unknown }): Record<string, unknown> {
  const copy: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(object)) setOwn(copy, key, value)
  return copy
}
