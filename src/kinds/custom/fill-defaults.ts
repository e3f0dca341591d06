import { deepCopy, isObject, setOwn } from '../../base/index.ts'
import { additionalSchema, propertySchema, type SchemaProps } from './schema-props.ts'

/**
 * Fills in the defaults of a structural schema at every depth; changes `draft`. A null where none is allowed counts as absent: it becomes the
 * default, or goes (apiextensions `pkg/apiserver/schema/defaulting`).
 */
export function fillCustomDefaults(schema: SchemaProps, draft: unknown): void {
  if (Array.isArray(draft)) {
    const { items } = schema
    if (items !== undefined) for (const item of draft) fillCustomDefaults(items, item)
    return
  }
  if (!isObject(draft)) return
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const value = Object.hasOwn(draft, name) ? draft[name] : undefined
    const isAbsent = value === undefined || (value === null && property.nullable !== true)
    if (!isAbsent) continue
    if (property.default !== undefined && property.default !== null)
      setOwn(draft, name, deepCopy(property.default))
    else delete draft[name]
  }
  const additional = additionalSchema(schema)
  for (const [key, value] of Object.entries(draft)) {
    const known = propertySchema(schema, key) ?? additional
    if (known === true || known === undefined) continue
    fillCustomDefaults(known, value)
  }
}
