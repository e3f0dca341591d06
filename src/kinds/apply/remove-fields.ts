import { isObject, setOwn } from '../../base/index.ts'
import { equalValues } from '../equality.ts'
import type { Schema } from '../schema/schema.ts'
import { isAtomicMap, isNamedField, itemSchema, listTypeOf, memberSchema } from '../schema-shape.ts'
import { itemElements, memberElement } from './field-element.ts'
import { type FieldSet, NO_FIELDS } from './field-set.ts'

/**
 * `value` without the fields of `last` that `keep` does not hold: what a manager declared before and nobody declares now. A
 * list item or struct that goes takes everything in it along; fields outside `last` stay in what stays. The same object comes
 * back where nothing goes.
 */
export function removeFields(schema: Schema, value: unknown, last: FieldSet, keep: FieldSet): unknown {
  if (last.children.size === 0) return value
  if (Array.isArray(value) && listTypeOf(schema) !== 'atomic') return removeItems(schema, value, last, keep)
  if (isObject(value) && !isAtomicMap(schema)) return removeMembers(schema, value, last, keep)
  return value
}

function removeMembers(
  schema: Schema,
  object: { readonly [key: string]: unknown },
  last: FieldSet,
  keep: FieldSet,
): unknown {
  let changed = false
  const rest: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(object)) {
    const named = isNamedField(schema, key)
    const element = memberElement(key)
    const after = removeFrom(memberSchema(schema, key), member, last, keep, element, named)
    if (after !== member) changed = true
    if (after !== undefined) setOwn(rest, key, after)
  }
  return changed ? rest : object
}

function removeItems(schema: Schema, items: readonly unknown[], last: FieldSet, keep: FieldSet): unknown {
  const elements = itemElements(schema, items)
  const rest: unknown[] = []
  let changed = false
  for (const [index, item] of items.entries()) {
    const element = elements[index]
    const after =
      element === undefined ? item : removeFrom(itemSchema(schema), item, last, keep, element, false)
    if (after !== item) changed = true
    if (after !== undefined) rest.push(after)
  }
  return changed ? rest : items
}

/** One member or item after the removal; undefined when it goes as a whole, or has become empty and nobody wants it empty. */
function removeFrom(
  schema: Schema,
  value: unknown,
  last: FieldSet,
  keep: FieldSet,
  element: string,
  named: boolean,
): unknown {
  const lastBelow = last.children.get(element)
  if (lastBelow === undefined) return value
  const keepBelow = keep.children.get(element) ?? NO_FIELDS
  if (holds(lastBelow, named) && !holds(keepBelow, named)) return undefined
  const after = removeFields(schema, value, lastBelow, keepBelow)
  if (after === value || !isEmpty(after)) return after
  return keepBelow.member && !equalValues(schema, undefined, after) ? after : undefined
}

/** Structs and their lists are never members themselves; a set holds them through any field below. */
function holds(set: FieldSet, named: boolean): boolean {
  return set.member || (named && set.children.size > 0)
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0
}
