import { setOwn } from '../../base/index.ts'
import { refTo } from '../schema/ref.ts'
import type { GroupVersionKind } from '../schema/schema.ts'
import { additionalSchema, isEmbeddedResource, type SchemaProps } from './schema-props.ts'

const DESCRIPTIONS = {
  apiVersion:
    'APIVersion defines the versioned schema of this representation of an object: `<group>/<version>` of its kind.',
  kind: 'Kind is the name of the kind of this object, in CamelCase.',
  metadata:
    'Standard metadata of every object: name, namespace, labels, annotations and what the server adds.',
}

/** The definition of a custom kind in an OpenAPI document: its schema, with what every resource has. */
export function publishedSchema(schema: SchemaProps, identity: GroupVersionKind): object {
  return { ...publish(schema, true), 'x-kubernetes-group-version-kind': [identity] }
}

function publish(schema: SchemaProps, isResource: boolean): object {
  const { properties, items, additionalProperties: _, ...rest } = schema
  const additional = additionalSchema(schema)
  const published: Record<string, unknown> = {}
  for (const [name, property] of Object.entries(properties ?? {}))
    setOwn(published, name, publish(property, isEmbeddedResource(property)))
  if (isResource) Object.assign(published, resourceFields())
  return {
    ...rest,
    ...(Object.keys(published).length === 0 ? {} : { properties: published }),
    ...(items === undefined ? {} : { items: publish(items, isEmbeddedResource(items)) }),
    ...(additional === undefined
      ? {}
      : {
          additionalProperties:
            additional === true ? true : publish(additional, isEmbeddedResource(additional)),
        }),
  }
}

function resourceFields(): Record<string, object> {
  return {
    apiVersion: { type: 'string', description: DESCRIPTIONS.apiVersion },
    kind: { type: 'string', description: DESCRIPTIONS.kind },
    metadata: {
      description: DESCRIPTIONS.metadata,
      allOf: [{ $ref: refTo('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta') }],
    },
  }
}
