import { isObject, setOwn } from '../../base/index.ts'
import { canonicalQuantity, quantityProblem } from '../../kube/index.ts'
import { resolveSchema, type Schema } from './schema.ts'

/**
 * A copy of `value` that holds what the schema knows, in the form in which it is stored: fields that are null or unknown are gone,
 * as when upstream decodes into its own types, so are optional lists and maps that are empty and zeros that say nothing, which it writes as if
 * they were absent, and quantities are canonical. What has the wrong type is copied as it is.
 */
export function decode(schema: Schema, value: unknown): unknown {
  const resolved = resolveSchema(schema)
  if (Array.isArray(value)) {
    const { items } = resolved
    return value.map(item => (items === undefined ? copy(item) : decode(items, item)))
  }
  if (isObject(value)) return decodeObject(resolved, value)
  if (resolved.format !== 'quantity' || (typeof value !== 'string' && typeof value !== 'number')) return value
  return quantityProblem(value) === undefined ? canonicalQuantity(value) : value
}

function decodeObject(
  schema: Schema,
  object: { readonly [key: string]: unknown },
): { [key: string]: unknown } {
  const { properties, additionalProperties, required = [] } = schema
  const keepsAll = schema['x-kubernetes-preserve-unknown-fields'] === true
  const result: { [key: string]: unknown } = {}
  for (const key of Object.keys(object)) {
    const value = object[key]
    const known =
      properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : additionalProperties
    if (known === undefined) {
      if (keepsAll && value !== undefined) setOwn(result, key, copy(value))
    } else if (value !== undefined && value !== null) {
      const isOptional = known !== additionalProperties && !required.includes(key)
      const decoded = decode(known, value)
      // A map may have held nothing but nulls.
      if (isOptional && (isEmptyCollection(known, decoded) || isDroppedZero(known, decoded))) continue
      setOwn(result, key, decoded)
    }
  }
  return result
}

/** A list, or a map: an object of named fields says something by being there. */
function isEmptyCollection(schema: Schema, value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0 && resolveSchema(schema).type === 'array'
  if (!isObject(value) || Object.keys(value).length > 0) return false
  const { type, properties, additionalProperties } = resolveSchema(schema)
  return type === 'object' && properties === undefined && additionalProperties !== undefined
}

function isDroppedZero(schema: Schema, value: unknown): boolean {
  return schema['x-bowline-drops-zero'] === true && (value === '' || value === 0 || value === false)
}

function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy)
  if (!isObject(value)) return value
  const result: { [key: string]: unknown } = {}
  for (const [key, item] of Object.entries(value)) if (item !== undefined) setOwn(result, key, copy(item))
  return result
}
