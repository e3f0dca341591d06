import { deepCopy, isObject } from '../../base/index.ts'
import { resolveSchema, type Schema } from './schema.ts'

/** Fills in the defaults of the schema at every depth. Changes `draft`; fields that are there keep their value. */
export function fillDefaults(schema: Schema, draft: unknown): void {
  const resolved = resolveSchema(schema)
  if (Array.isArray(draft)) {
    if (resolved.items !== undefined) for (const item of draft) fillDefaults(resolved.items, item)
  } else if (isObject(draft)) {
    fillObject(resolved, draft)
  }
}

function fillObject(schema: Schema, draft: { [key: string]: unknown }): void {
  for (const [name, property] of defaultedProperties(schema)) {
    if (draft[name] === undefined) draft[name] = deepCopy(property.default)
  }
  const { properties, additionalProperties } = schema
  for (const key of Object.keys(draft)) {
    const value = draft[key]
    if (typeof value !== 'object' || value === null) continue
    const property =
      properties !== undefined && Object.hasOwn(properties, key) ? properties[key] : additionalProperties
    if (property !== undefined) fillDefaults(property, value)
  }
}

const defaulted = new WeakMap<Schema, readonly (readonly [string, Schema])[]>()

function defaultedProperties(schema: Schema): readonly (readonly [string, Schema])[] {
  const known = defaulted.get(schema)
  if (known !== undefined) return known
  const found = Object.entries(schema.properties ?? {})
    .map(([name, property]) => [name, resolveSchema(property)] as const)
    .filter(([, property]) => property.default !== undefined)
  defaulted.set(schema, found)
  return found
}
