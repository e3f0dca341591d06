import { deepEqual } from '../../base/index.ts'
import type { KubeObject } from '../../kube/index.ts'
import { SchemaRules } from '../cel/schema-rules.ts'
import type { ObjectRules } from '../definitions/definition.ts'
import type { GroupVersionKind } from '../schema/schema.ts'
import { Problems } from '../validation/problems.ts'
import { checkValue } from './check-value.ts'
import { checkEmbedded, findMetadataTypes } from './embedded.ts'
import { fillCustomDefaults } from './fill-defaults.ts'
import { mergeSchema } from './merge-schema.ts'
import { pruneResource } from './prune.ts'
import { publishedSchema } from './published-schema.ts'
import type { SchemaProps } from './schema-props.ts'

/** The version in which objects of a definition are stored. */
export interface StoredVersion {
  readonly apiVersion: string
  readonly schema: SchemaProps
}

/** How the objects of one version are read, completed, judged and stored. */
export function customRules({
  identity,
  apiVersion,
  schema,
  stored,
}: {
  readonly identity: GroupVersionKind
  readonly apiVersion: string
  readonly schema: SchemaProps
  readonly stored: StoredVersion
}): ObjectRules {
  /** Compiled when they are first needed. */
  let rules: SchemaRules | undefined
  return {
    schema: mergeSchema(schema),
    published: publishedSchema(schema, identity),
    complete: object => complete(schema, object),
    findTypes: (object, problems) => findMetadataTypes(schema, object, problems),
    unknownFields(object) {
      const dropped: string[] = []
      pruneResource(schema, object, dropped)
      return dropped
    },
    validate(object, problems, old) {
      const value = withNames(object)
      const before = old && withNames(old)
      const found = new Problems()
      checkValue(schema, value, '', found, before)
      checkEmbedded(schema, object, found)
      // Rules rely on the types that the schema promises.
      if (found.list.length === 0) {
        rules ??= SchemaRules.of(schema)
        rules.check(value, before, found)
      }
      for (const problem of found.list) problems.add(problem)
    },
    // Objects are defaulted by the version in which they are stored, which may have got defaults since they were.
    fromStored(object) {
      const completed = complete(stored.schema, { ...object, apiVersion: stored.apiVersion })
      const shown = completed.apiVersion === apiVersion ? completed : { ...completed, apiVersion }
      return deepEqual(shown, object) ? object : shown
    },
    toStored: object =>
      object.apiVersion === stored.apiVersion ? object : { ...object, apiVersion: stored.apiVersion },
  }
}

function complete(schema: SchemaProps, object: KubeObject): KubeObject {
  const draft = pruneResource(schema, object) as KubeObject
  fillCustomDefaults(schema, draft)
  return draft.metadata === undefined ? { ...draft, metadata: {} } : draft
}

/** Metadata is judged by its own rules; what a schema may say of it is about names alone. */
function withNames(object: KubeObject): unknown {
  const { name, generateName } = object.metadata
  return {
    ...object,
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(generateName === undefined ? {} : { generateName }),
    },
  }
}
