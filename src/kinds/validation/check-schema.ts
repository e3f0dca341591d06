import { isObject } from '../../base/index.ts'
import { resolveSchema, type Schema } from '../schema/schema.ts'
import type { Problems } from './problems.ts'

/** Adds a problem for every required field that is missing and every value that is none of its enum, at every depth. */
export function checkSchema(schema: Schema, value: unknown, path: string, problems: Problems): void {
  const resolved = resolveSchema(schema)
  if (Array.isArray(value)) {
    const { items } = resolved
    if (items === undefined) return
    for (const [index, item] of value.entries()) checkSchema(items, item, `${path}[${index}]`, problems)
  } else if (isObject(value)) {
    checkObject(resolved, value, path, problems)
  } else if (resolved.enum !== undefined && value !== undefined && value !== '') {
    if (!resolved.enum.includes(value as string)) problems.notSupported(path, value, resolved.enum)
  }
}

function checkObject(
  schema: Schema,
  value: { readonly [key: string]: unknown },
  path: string,
  problems: Problems,
): void {
  const { properties, additionalProperties, required = [] } = schema
  for (const name of required)
    if (value[name] === undefined) problems.required(path === '' ? name : `${path}.${name}`)
  for (const key of Object.keys(value)) {
    const item = value[key]
    if (properties !== undefined && Object.hasOwn(properties, key))
      checkSchema(properties[key] as Schema, item, path === '' ? key : `${path}.${key}`, problems)
    else if (additionalProperties !== undefined && typeof item === 'object')
      checkSchema(additionalProperties, item, `${path}[${key}]`, problems)
  }
}
