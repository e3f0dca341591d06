import { type ListType, resolveSchema, type Schema } from './schema/schema.ts'

/** The schema of a value that no schema describes: maps merge key by key, lists are replaced as a whole. */
const ANY_SCHEMA: Schema = {}

/** The resolved schema of a member of an object or map; {@link ANY_SCHEMA} for one that the schema does not know. */
export function memberSchema(schema: Schema, key: string): Schema {
  const property =
    schema.properties !== undefined && Object.hasOwn(schema.properties, key)
      ? schema.properties[key]
      : undefined
  const member = property ?? schema.additionalProperties
  return member === undefined ? ANY_SCHEMA : resolveSchema(member)
}

/** Whether `key` is a field that the schema names, as opposed to a key of a map. */
export function isNamedField(schema: Schema, key: string): boolean {
  return schema.properties !== undefined && Object.hasOwn(schema.properties, key)
}

/** The resolved schema of a list's items. */
export function itemSchema(schema: Schema): Schema {
  return schema.items === undefined ? ANY_SCHEMA : resolveSchema(schema.items)
}

/** Whether server-side apply owns an object of this schema as a whole. */
export function isAtomicMap(schema: Schema): boolean {
  return schema['x-kubernetes-map-type'] === 'atomic'
}

/** How server-side apply merges a list of this schema; lists without the marker are atomic. */
export function listTypeOf(schema: Schema): ListType {
  const type = schema['x-kubernetes-list-type'] ?? 'atomic'
  // A map list that names no keys could not tell its items apart.
  return type === 'map' && mapKeysOf(schema).length === 0 ? 'atomic' : type
}

/** The fields that name an item of a map list. */
export function mapKeysOf(schema: Schema): readonly string[] {
  return schema['x-kubernetes-list-map-keys'] ?? []
}

/**
 * The values of an item's keys, in the keys' order: an absent key has its schema's default, or null. Undefined when the item is
 * no object or every key is missing: such an item cannot be named.
 */
export function mapKeyValues(schema: Schema, item: unknown): readonly unknown[] | undefined {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return undefined
  const members = item as { readonly [key: string]: unknown }
  const fields = itemSchema(schema)
  let found = false
  const values = mapKeysOf(schema).map(key => {
    const value = Object.hasOwn(members, key) ? members[key] : memberSchema(fields, key).default
    if (value === undefined || value === null) return null
    found = true
    return value
  })
  return found ? values : undefined
}
