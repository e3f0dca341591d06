import { setOwn } from '../../base/index.ts'
import type { ListType, Schema } from '../schema/schema.ts'
import { METADATA_SCHEMA } from './prune.ts'
import { additionalSchema, isEmbeddedResource, type SchemaProps } from './schema-props.ts'

const TEXT: Schema = { type: 'string' }
const IDENTITY: { readonly [name: string]: Schema } = {
  apiVersion: TEXT,
  kind: TEXT,
  metadata: METADATA_SCHEMA,
}

/**
 * What server-side apply, patches and plans need to know of a custom resource: which lists are maps or sets, which objects are atomic, what
 * map keys default to. What the schema does not specify is merged as upstream deduces it: objects key by key, lists as a whole.
 */
export function mergeSchema(schema: SchemaProps): Schema {
  return convert(schema, true)
}

function convert(schema: SchemaProps, isResource: boolean): Schema {
  const { properties = {}, items, type } = schema
  const additional = additionalSchema(schema)
  const converted: Record<string, Schema> = {}
  for (const [name, property] of Object.entries(properties))
    setOwn(converted, name, convert(property, isEmbeddedResource(property)))
  if (isResource) Object.assign(converted, IDENTITY)
  return {
    ...(isType(type) ? { type } : {}),
    ...(Object.keys(converted).length === 0 ? {} : { properties: converted }),
    ...(items === undefined ? {} : { items: convert(items, isEmbeddedResource(items)) }),
    ...(additional === undefined || additional === true
      ? {}
      : { additionalProperties: convert(additional, isEmbeddedResource(additional)) }),
    ...(schema.default === undefined ? {} : { default: schema.default }),
    ...listMarkers(schema),
    ...(schema['x-kubernetes-map-type'] === 'atomic' ? { 'x-kubernetes-map-type': 'atomic' } : {}),
    ...(schema['x-kubernetes-preserve-unknown-fields'] === true
      ? { 'x-kubernetes-preserve-unknown-fields': true }
      : {}),
  }
}

function listMarkers(schema: SchemaProps): Schema {
  const type = schema['x-kubernetes-list-type']
  if (type === undefined) return {}
  const keys = schema['x-kubernetes-list-map-keys']
  return {
    'x-kubernetes-list-type': type as ListType,
    ...(keys === undefined ? {} : { 'x-kubernetes-list-map-keys': keys }),
  }
}

const TYPES: readonly string[] = ['array', 'boolean', 'integer', 'number', 'object', 'string']

function isType(type: string | undefined): type is NonNullable<Schema['type']> {
  return type !== undefined && TYPES.includes(type)
}
