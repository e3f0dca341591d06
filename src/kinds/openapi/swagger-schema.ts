import { nameInRef } from '../schema/ref.ts'

/** A schema as a document of OpenAPI v3 writes it: of the server's own kinds, or what a definition of a custom kind says. */
export interface SchemaV3 {
  readonly $ref?: string
  readonly type?: string
  readonly nullable?: boolean
  readonly properties?: Readonly<Record<string, SchemaV3>>
  readonly required?: readonly string[]
  readonly items?: SchemaV3
  readonly additionalProperties?: SchemaV3 | boolean
  readonly allOf?: readonly SchemaV3[]
  readonly oneOf?: readonly SchemaV3[]
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-group-version-kind'?: readonly object[]
}

/** What OpenAPI v2 does not know; defaults it knows, but Kubernetes keeps them out of this document (kube-openapi `pkg/handler`). */
const DROPPED: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'default', 'not', 'nullable', 'oneOf'])

/**
 * A schema in the terms of v2. What is nullable or may hold unknown fields loses its type and fields, because clients of v2 would refuse
 * valid objects by them (apiextensions-apiserver `pkg/controller/openapi/v2`).
 */
export function swaggerSchema(schema: SchemaV3): object {
  const target = schema.$ref ?? schema.allOf?.find(({ $ref }) => $ref !== undefined)?.$ref
  const rest = Object.fromEntries(
    Object.entries(schema).filter(([key]) => !DROPPED.has(key) && !STRUCTURE.has(key)),
  )
  if (target !== undefined) return { $ref: `#/definitions/${nameInRef(target)}`, ...rest }
  const { properties = {}, items, additionalProperties } = schema
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true
  const keepsFields = !schema.nullable && !isOpen
  const type = typeOf(schema, keepsFields)
  const required = requiredOf(schema)
  return {
    ...rest,
    ...(type === undefined ? {} : { type }),
    ...(required.length === 0 ? {} : { required }),
    // Without fields it is a map of anything; an empty list of fields would forbid every one.
    ...(keepsFields && Object.keys(properties).length > 0
      ? { properties: mapValues(properties, swaggerSchema) }
      : {}),
    ...(keepsFields && items !== undefined ? { items: swaggerSchema(items) } : {}),
    ...(additionalProperties === undefined
      ? {}
      : {
          additionalProperties:
            typeof additionalProperties === 'boolean'
              ? additionalProperties
              : swaggerSchema(additionalProperties),
        }),
  }
}

/** The keys that are converted rather than taken over. */
const STRUCTURE: ReadonlySet<string> = new Set([
  '$ref',
  'additionalProperties',
  'items',
  'properties',
  'required',
  'type',
])

function typeOf({ type, nullable, items }: SchemaV3, keepsFields: boolean): string | undefined {
  if (nullable) return undefined
  if (type === 'array' && (items === undefined || !keepsFields)) return undefined
  return type === 'object' && !keepsFields ? undefined : type
}

/** A field that may be null counts as absent then. */
function requiredOf({ required = [], properties, additionalProperties }: SchemaV3): readonly string[] {
  if (typeof additionalProperties === 'object' && additionalProperties.nullable) return []
  return required.filter(name => !properties?.[name]?.nullable)
}

function mapValues<T, R>(record: Readonly<Record<string, T>>, change: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}
