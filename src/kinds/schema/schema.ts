import { definitions } from '../../kube/generated/schemas.ts'
import { nameInRef } from './ref.ts'

/** How a list merges under server-side apply; a list without the marker is atomic. */
export type ListType = 'atomic' | 'map' | 'set'

/** A group, version and kind as OpenAPI documents carry it; `group` is `` for the core group. */
export interface GroupVersionKind {
  readonly group: string
  readonly version: string
  readonly kind: string
}

/**
 * The subset of JSON Schema (as OpenAPI v3 and Kubernetes' extensions have it) in which every kind is described.
 * It is the single source of types, defaulting, validation, patching, applying and OpenAPI.
 *
 * Keywords may stand beside a `$ref`; {@link resolveSchema} lets them win over the definition's own.
 */
export interface Schema {
  /** `#/components/schemas/<definition>`, e.g. `#/components/schemas/io.k8s.api.core.v1.PodSpec`. */
  readonly $ref?: string
  /** Absent: any value (quantities, int-or-string and raw JSON have their own markers or formats). */
  readonly type?: 'array' | 'boolean' | 'integer' | 'number' | 'object' | 'string'
  /**
   * `int32`, `int64`, `double`, `date-time`, `micro-time`, `byte` (base64), `quantity`, `int-or-string`. A `quantity` is a
   * string or a number, an `int-or-string` an integer or a string: both have no `type`.
   */
  readonly format?: string
  readonly description?: string
  readonly properties?: { readonly [name: string]: Schema }
  readonly required?: readonly string[]
  /** Of arrays: what each item is. */
  readonly items?: Schema
  /** Of maps: what each value is. */
  readonly additionalProperties?: Schema
  /** The values that validation accepts; the message lists them in this order. */
  readonly enum?: readonly string[]
  /** What an absent property becomes. An object default is itself defaulted further, field by field. */
  readonly default?: unknown
  /** Of numbers: the least that upstream takes. */
  readonly minimum?: number
  readonly 'x-kubernetes-list-type'?: ListType
  /** With list type `map`: the fields that name an item. */
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  /** `atomic`: an object that server-side apply owns as a whole. */
  readonly 'x-kubernetes-map-type'?: 'atomic' | 'granular'
  /** `merge`, `retainKeys` or both, as strategic merge patches read it: `merge,retainKeys`. */
  readonly 'x-kubernetes-patch-strategy'?: string
  /** With patch strategy `merge` on a list of objects: the field that names an item. */
  readonly 'x-kubernetes-patch-merge-key'?: string
  readonly 'x-kubernetes-int-or-string'?: boolean
  /** Fields that the schema does not know are kept and are no mistake. */
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  /** Of optional scalars: `false`, 0 and an empty text are the same as no value, and are stored as that. */
  readonly 'x-bowline-drops-zero'?: boolean
  readonly 'x-kubernetes-group-version-kind'?: readonly GroupVersionKind[]
}

const resolved = new WeakMap<Schema, Schema>()

/** The definition of this name, such as `io.k8s.api.core.v1.Pod`. A name that is not there is a programmer's mistake. */
export function definition(name: string): Schema {
  const all = definitions()
  if (!Object.hasOwn(all, name))
    throw new RangeError(`There is no schema definition: current value is "${name}"`)
  return all[name] as Schema
}

/**
 * `schema` with its `$ref` followed: what stands beside the `$ref` wins over the definition. The same schema always gives the
 * same object, so results may key caches. Resolve one step at a time: definitions may refer to themselves.
 */
export function resolveSchema(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema
  const known = resolved.get(schema)
  if (known !== undefined) return known
  const { $ref, ...beside } = schema
  const target = resolveSchema(definition(nameInRef($ref)))
  const result = Object.keys(beside).length === 0 ? target : { ...target, ...beside }
  resolved.set(schema, result)
  return result
}
