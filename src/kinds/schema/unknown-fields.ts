import { isObject } from '../../base/index.ts'
import { resolveSchema, type Schema } from './schema.ts'

/** Past this many, a report of unknown fields says nothing new. */
const MAX_FIELDS = 100

/** The paths of the fields that the schema does not know, as strict decoding names them: `spec.containers[0].imagee`. At most 100. */
export function unknownFields(schema: Schema, value: unknown): readonly string[] {
  const found: string[] = []
  collect(schema, value, '', found)
  return found
}

function collect(schema: Schema, value: unknown, path: string, found: string[]): void {
  if (found.length >= MAX_FIELDS) return
  const resolved = resolveSchema(schema)
  if (Array.isArray(value)) {
    const { items } = resolved
    if (items === undefined) return
    for (const [index, item] of value.entries()) collect(items, item, `${path}[${index}]`, found)
    return
  }
  if (!isObject(value) || resolved['x-kubernetes-preserve-unknown-fields'] === true) return
  const { properties, additionalProperties } = resolved
  if (properties === undefined && additionalProperties === undefined) return
  for (const key of Object.keys(value)) {
    const at = path === '' ? key : `${path}.${key}`
    if (properties !== undefined && Object.hasOwn(properties, key))
      collect(properties[key] as Schema, value[key], at, found)
    else if (additionalProperties !== undefined) collect(additionalProperties, value[key], at, found)
    else if (found.length < MAX_FIELDS) found.push(at)
  }
}
