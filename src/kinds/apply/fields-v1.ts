import { isObject, type JsonObject, setOwn } from '../../base/index.ts'
import { type FieldElement, parseElement } from './field-element.ts'
import { type FieldSet, fieldNode, NO_FIELDS } from './field-set.ts'

const parsed = new WeakMap<object, FieldSet>()

/**
 * Reads `fieldsV1` of a managedFields entry. Elements that are none are left out, as the entry may come from a client; what is
 * no object has no fields. The result is remembered for the very object, which nobody may change afterwards.
 */
export function parseFieldsV1(fields: unknown): FieldSet {
  if (!isObject(fields)) return NO_FIELDS
  const known = parsed.get(fields)
  if (known !== undefined) return known
  const set = parseNode(fields, true)
  parsed.set(fields, set)
  return set
}

/** Writes a set as `fieldsV1`: elements sorted, a path's own membership as `.` where it has children. */
export function formatFieldsV1(set: FieldSet): JsonObject {
  const fields: Record<string, unknown> = {}
  if (set.member && set.children.size > 0) fields['.'] = {}
  for (const element of [...set.children.keys()].sort())
    setOwn(fields, element, formatFieldsV1(set.children.get(element) as FieldSet))
  return fields
}

function parseNode(fields: JsonObject, isRoot: boolean): FieldSet {
  const children = new Map<FieldElement, FieldSet>()
  let member = false
  let empty = true
  for (const [text, child] of Object.entries(fields)) {
    empty = false
    if (text === '.') {
      member = true
      continue
    }
    const element = parseElement(text)
    if (element !== undefined) children.set(element, parseNode(isObject(child) ? child : {}, false))
  }
  return fieldNode((member || empty) && !isRoot, children)
}
