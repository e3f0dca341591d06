import { isObject } from '../../base/index.ts'
import type { JSONSchemaProps } from '../../kube/generated/types.ts'

/** A schema as a CustomResourceDefinition writes it. Only structural ones are ever used; `check-structural.ts` sees to that. */
export type SchemaProps = JSONSchemaProps

/** What keys may hold that `properties` does not name: values of a schema, anything (`true`), or nothing (undefined). */
export function additionalSchema(schema: SchemaProps): SchemaProps | true | undefined {
  const { additionalProperties } = schema
  if (additionalProperties === true) return true
  return isObject(additionalProperties) ? (additionalProperties as SchemaProps) : undefined
}

/** The schema of a named property. */
export function propertySchema(schema: SchemaProps, name: string): SchemaProps | undefined {
  const { properties } = schema
  return properties !== undefined && Object.hasOwn(properties, name) ? properties[name] : undefined
}

export function preservesUnknown(schema: SchemaProps): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true
}

/** An object within another that has an apiVersion, a kind and metadata of its own. */
export function isEmbeddedResource(schema: SchemaProps): boolean {
  return schema['x-kubernetes-embedded-resource'] === true
}

export function isIntOrString(schema: SchemaProps): boolean {
  return schema['x-kubernetes-int-or-string'] === true
}

/** The path of a member: `spec.replicas`, or `replicas` at the root. */
export function childPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}
