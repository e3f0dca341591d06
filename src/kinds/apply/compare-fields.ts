import { isObject } from '../../base/index.ts'
import { equalValues } from '../equality.ts'
import type { Schema } from '../schema/schema.ts'
import { isAtomicMap, itemSchema, listTypeOf, memberSchema } from '../schema-shape.ts'
import { type FieldElement, itemElements, memberElement } from './field-element.ts'
import { type FieldSet, fieldNode, LEAF, NO_FIELDS } from './field-set.ts'

/** The fields in which two states of an object differ. `removed` also holds the objects, maps and items that are gone as a whole. */
export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

/** Equal states, by the meaning of their values and whatever the order of items that have keys. */
const NO_DIFFERENCE: Comparison = { added: NO_FIELDS, modified: NO_FIELDS, removed: NO_FIELDS }

const MODIFIED: Comparison = { added: NO_FIELDS, modified: LEAF, removed: NO_FIELDS }

/** Compares field by field; parts that are the same object in both are not looked into. */
export function compareFields(schema: Schema, before: unknown, after: unknown): Comparison {
  if (before === after) return NO_DIFFERENCE
  if (before === undefined) return { ...NO_DIFFERENCE, added: everyField(schema, after, false) }
  if (after === undefined) return { ...NO_DIFFERENCE, removed: everyField(schema, before, true) }
  if (isObject(before) && isObject(after) && !isAtomicMap(schema)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)])
    return join(
      [...keys].map(key => {
        const left = Object.hasOwn(before, key) ? before[key] : undefined
        const right = Object.hasOwn(after, key) ? after[key] : undefined
        return left === right
          ? undefined
          : { element: memberElement(key), of: compareFields(memberSchema(schema, key), left, right) }
      }),
    )
  }
  if (Array.isArray(before) && Array.isArray(after) && listTypeOf(schema) !== 'atomic')
    return compareLists(schema, before, after)
  return equalValues(schema, before, after) ? NO_DIFFERENCE : MODIFIED
}

function compareLists(schema: Schema, before: readonly unknown[], after: readonly unknown[]): Comparison {
  const left = byElement(schema, before)
  const right = byElement(schema, after)
  if (left === undefined || right === undefined)
    return equalValues(schema, before, after) ? NO_DIFFERENCE : MODIFIED
  const items = itemSchema(schema)
  const elements = new Set([...left.keys(), ...right.keys()])
  return join(
    [...elements].map(element => ({
      element,
      of: compareFields(items, left.get(element), right.get(element)),
    })),
  )
}

function byElement(schema: Schema, items: readonly unknown[]): Map<FieldElement, unknown> | undefined {
  const elements = itemElements(schema, items)
  const map = new Map<FieldElement, unknown>()
  for (const [index, element] of elements.entries()) {
    if (element === undefined) return undefined
    if (!map.has(element)) map.set(element, items[index])
  }
  return map
}

/**
 * All fields of a value that comes or goes as a whole. Of one that comes, structs are not fields of their own; of one that goes
 * everything is, so that no claim on it stays behind.
 */
function everyField(schema: Schema, value: unknown, withStructs: boolean): FieldSet {
  if (Array.isArray(value)) {
    const map = listTypeOf(schema) === 'atomic' ? undefined : byElement(schema, value)
    if (map === undefined) return LEAF
    const items = itemSchema(schema)
    const children = new Map<FieldElement, FieldSet>()
    for (const [element, item] of map)
      children.set(element, fieldNode(true, everyField(items, item, withStructs).children))
    return fieldNode(withStructs || children.size === 0, children)
  }
  if (!isObject(value) || isAtomicMap(schema)) return LEAF
  const children = new Map<FieldElement, FieldSet>()
  for (const [key, member] of Object.entries(value))
    if (member !== undefined)
      children.set(memberElement(key), everyField(memberSchema(schema, key), member, withStructs))
  const isMap = schema.properties === undefined
  return fieldNode(withStructs || isMap || children.size === 0, children)
}

function join(
  parts: readonly ({ readonly element: FieldElement; readonly of: Comparison } | undefined)[],
): Comparison {
  const added = new Map<FieldElement, FieldSet>()
  const modified = new Map<FieldElement, FieldSet>()
  const removed = new Map<FieldElement, FieldSet>()
  for (const part of parts) {
    if (part === undefined || part.of === NO_DIFFERENCE) continue
    if (part.of.added !== NO_FIELDS) added.set(part.element, part.of.added)
    if (part.of.modified !== NO_FIELDS) modified.set(part.element, part.of.modified)
    if (part.of.removed !== NO_FIELDS) removed.set(part.element, part.of.removed)
  }
  if (added.size + modified.size + removed.size === 0) return NO_DIFFERENCE
  return {
    added: fieldNode(false, added),
    modified: fieldNode(false, modified),
    removed: fieldNode(false, removed),
  }
}
