import { deepCopy, isObject, setOwn } from '../../base/index.ts'
import { decode } from '../schema/decode.ts'
import { refTo } from '../schema/ref.ts'
import type { Schema } from '../schema/schema.ts'
import { unknownFields } from '../schema/unknown-fields.ts'
import {
  additionalSchema,
  childPath,
  isEmbeddedResource,
  preservesUnknown,
  propertySchema,
  type SchemaProps,
} from './schema-props.ts'

/** Metadata is the same for every kind, whatever a definition says of it. */
export const METADATA_SCHEMA: Schema = { $ref: refTo('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta') }

/** Past this many, a report of unknown fields says nothing new. */
const MAX_FIELDS = 100

/**
 * A copy of a custom resource that holds what its schema specifies (apiextensions `pkg/apiserver/schema/pruning`). The paths of what was
 * dropped are added to `dropped`, at most 100.
 */
export function pruneResource(schema: SchemaProps, object: unknown, dropped: string[] = []): unknown {
  return prune(schema, object, '', true, dropped)
}

function prune(
  schema: SchemaProps,
  value: unknown,
  path: string,
  isResource: boolean,
  dropped: string[],
): unknown {
  if (Array.isArray(value)) {
    const { items } = schema
    if (items === undefined) return preservesUnknown(schema) ? deepCopy(value) : value.map(deepCopy)
    return value.map((item, index) =>
      prune(items, item, `${path}[${index}]`, isEmbeddedResource(items), dropped),
    )
  }
  if (!isObject(value)) return value
  const result: { [key: string]: unknown } = {}
  const additional = additionalSchema(schema)
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue
    const at = childPath(path, key)
    if (isResource && (key === 'apiVersion' || key === 'kind')) setOwn(result, key, member)
    else if (isResource && key === 'metadata') setOwn(result, key, pruneMetadata(member, at, dropped))
    else {
      const known = propertySchema(schema, key) ?? additional
      if (known === true) setOwn(result, key, deepCopy(member))
      else if (known !== undefined)
        setOwn(result, key, prune(known, member, at, isEmbeddedResource(known), dropped))
      else if (preservesUnknown(schema)) setOwn(result, key, deepCopy(member))
      else note(dropped, at)
    }
  }
  return result
}

function pruneMetadata(metadata: unknown, path: string, dropped: string[]): unknown {
  for (const field of unknownFields(METADATA_SCHEMA, metadata)) note(dropped, `${path}.${field}`)
  return decode(METADATA_SCHEMA, metadata)
}

function note(dropped: string[], path: string): void {
  if (dropped.length < MAX_FIELDS) dropped.push(path)
}
