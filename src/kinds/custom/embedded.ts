import { isObject } from '../../base/index.ts'
import { findTypes } from '../validation/find-types.ts'
import type { Problems } from '../validation/problems.ts'
import { METADATA_SCHEMA } from './prune.ts'
import {
  additionalSchema,
  childPath,
  isEmbeddedResource,
  propertySchema,
  type SchemaProps,
} from './schema-props.ts'

/** Calls `visit` with every object within `value` that the schema says is a resource of its own; the outermost is not one of them. */
export function forEachEmbedded(
  schema: SchemaProps,
  value: unknown,
  path: string,
  visit: (object: { readonly [key: string]: unknown }, path: string) => void,
): void {
  if (Array.isArray(value)) {
    const { items } = schema
    if (items !== undefined)
      for (const [index, item] of value.entries()) visitMember(items, item, `${path}[${index}]`, visit)
  } else if (isObject(value)) {
    const additional = additionalSchema(schema)
    for (const [key, member] of Object.entries(value)) {
      const known = propertySchema(schema, key) ?? additional
      if (known !== undefined && known !== true) visitMember(known, member, childPath(path, key), visit)
    }
  }
}

function visitMember(
  schema: SchemaProps,
  value: unknown,
  path: string,
  visit: (object: { readonly [key: string]: unknown }, path: string) => void,
): void {
  if (isEmbeddedResource(schema) && isObject(value)) visit(value, path)
  forEachEmbedded(schema, value, path, visit)
}

/** What in the metadata of a resource, and of those embedded in it, cannot be decoded. The rest is judged as a whole, later. */
export function findMetadataTypes(schema: SchemaProps, object: unknown, problems: Problems): void {
  if (!isObject(object)) return
  findTypes(METADATA_SCHEMA, object.metadata, 'metadata', problems)
  forEachEmbedded(schema, object, '', (embedded, path) =>
    findTypes(METADATA_SCHEMA, embedded.metadata, `${path}.metadata`, problems),
  )
}

/** An embedded resource says what it is. */
export function checkEmbedded(schema: SchemaProps, object: unknown, problems: Problems): void {
  forEachEmbedded(schema, object, '', (embedded, path) => {
    for (const field of ['apiVersion', 'kind'])
      if (embedded[field] === undefined || embedded[field] === '')
        problems.required(`${path}.${field}`, 'must not be empty')
  })
}
