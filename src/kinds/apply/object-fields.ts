import { isObject } from '../../base/index.ts'
import { StatusError } from '../../kube/index.ts'
import type { Schema } from '../schema/schema.ts'
import {
  isAtomicMap,
  isNamedField,
  itemSchema,
  listTypeOf,
  mapKeysOf,
  memberSchema,
} from '../schema-shape.ts'
import { type FieldElement, formatElement, itemElements, memberElement } from './field-element.ts'
import { type FieldSet, fieldNode, LEAF, NO_FIELDS } from './field-set.ts'

/**
 * The fields that someone who declares `value` declares: every plain value, atomic object or list, empty object, key of a map,
 * and item of a set or map list. Structs are declared only through their fields, and an empty list declares nothing.
 * A list whose items cannot be told apart is refused with 400 in upstream's words.
 */
export function declaredFields(schema: Schema, value: unknown): FieldSet {
  return fieldsOf(schema, value, [])
}

/** `path` is where the walk stands, for messages alone. */
function fieldsOf(schema: Schema, value: unknown, path: FieldElement[]): FieldSet {
  if (Array.isArray(value)) return fieldsOfList(schema, value, path)
  if (!isObject(value) || isAtomicMap(schema)) return LEAF
  const children = new Map<FieldElement, FieldSet>()
  let empty = true
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    empty = false
    const element = memberElement(key)
    path.push(element)
    const fields = fieldsOf(memberSchema(schema, key), member, path)
    path.pop()
    if (!isNamedField(schema, key)) children.set(element, fieldNode(true, fields.children))
    else if (fields !== NO_FIELDS) children.set(element, fields)
  }
  return fieldNode(empty, children)
}

function fieldsOfList(schema: Schema, items: readonly unknown[], path: FieldElement[]): FieldSet {
  if (listTypeOf(schema) === 'atomic') return LEAF
  const fields = itemSchema(schema)
  const elements = itemElements(schema, items)
  const children = new Map<FieldElement, FieldSet>()
  for (const [index, element] of elements.entries()) {
    if (element === undefined) throw undeclarable(path, unnamedItem(schema, index))
    if (children.has(element)) throw undeclarable(path, `duplicate entries for key ${formatElement(element)}`)
    path.push(element)
    children.set(element, fieldNode(true, fieldsOf(fields, items[index], path).children))
    path.pop()
  }
  return fieldNode(false, children)
}

function unnamedItem(schema: Schema, index: number): string {
  const keys = mapKeysOf(schema).map(key => JSON.stringify(key))
  return `element ${index}: associative list with keys has an element that omits key field ${keys.join(', ')} (and doesn't have default value)`
}

function undeclarable(path: readonly FieldElement[], problem: string): StatusError {
  const shown = path.map(formatElement).join('')
  return new StatusError('BadRequest', `failed to create typed patch object: ${shown}: ${problem}`)
}
