import { isObject } from '../base/index.ts'
import { compareQuantities, parseQuantity, quantityProblem } from '../kube/index.ts'
import type { Schema } from './schema/schema.ts'
import { itemSchema, memberSchema } from './schema-shape.ts'

/**
 * Whether two values of a schema mean the same: quantities by their amount (`1000m` is `1`), objects whatever the order of their
 * keys, lists in order. Null is absence, and so is an empty list or an empty map, as upstream's `Semantic.DeepEqual` has it, and a zero that
 * is not stored; an empty struct is not (`emptyDir: {}`). A field that is absent from an object has the default that its schema gives it.
 */
export function equalValues(schema: Schema, a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false
    const items = itemSchema(schema)
    return a.every((item, index) => equalValues(items, item, b[index]))
  }
  if (isObject(a) && isObject(b)) {
    for (const key of Object.keys(a)) if (!equalMembers(schema, a, b, key)) return false
    for (const key of Object.keys(b))
      if (!Object.hasOwn(a, key) && !equalMembers(schema, a, b, key)) return false
    return true
  }
  if (schema.format === 'quantity' && isQuantity(a) && isQuantity(b))
    return compareQuantities(parseQuantity(a), parseQuantity(b)) === 0
  return isAbsent(schema, a) && isAbsent(schema, b)
}

type Members = { readonly [key: string]: unknown }

function equalMembers(schema: Schema, a: Members, b: Members, key: string): boolean {
  const left = Object.hasOwn(a, key) ? a[key] : undefined
  const right = Object.hasOwn(b, key) ? b[key] : undefined
  if (left === right) return true
  const member = memberSchema(schema, key)
  return equalValues(member, left ?? member.default, right ?? member.default)
}

function isAbsent(schema: Schema, value: unknown): boolean {
  if (value === undefined || value === null) return true
  if (Array.isArray(value)) return value.length === 0
  if (schema['x-bowline-drops-zero'] && (value === '' || value === 0 || value === false)) return true
  return isObject(value) && schema.additionalProperties !== undefined && Object.keys(value).length === 0
}

function isQuantity(value: unknown): value is string | number {
  return (typeof value === 'string' || typeof value === 'number') && quantityProblem(value) === undefined
}
