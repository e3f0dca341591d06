import { isObject } from '../../base/index.ts'
import type { Kind, KubeObject } from '../../kube/index.ts'
import { decode } from '../schema/decode.ts'
import { fillDefaults } from '../schema/fill-defaults.ts'
import { definition, type Schema } from '../schema/schema.ts'
import type { Draft } from './definition.ts'
import { definitionOf } from './definitions.ts'

/** The schema of a kind's objects. */
export function schemaFor(kind: Kind): Schema {
  const special = definitionOf(kind)
  return special.rules?.schema ?? definition(special.definition)
}

/**
 * The object as the API would hold it: a new object without nulls and unknown fields, with canonical quantities and with upstream's
 * defaults. Applying it twice changes nothing. The types of the fields should have been checked; what has the wrong type is left.
 */
export function applyDefaults(kind: Kind, object: KubeObject): KubeObject {
  const special = definitionOf(kind)
  if (special.rules !== undefined) return special.rules.complete(object)
  const schema = schemaFor(kind)
  const draft = decode(schema, object) as { metadata?: unknown } & KubeObject
  const completed: KubeObject = isObject(draft.metadata) ? draft : { ...draft, metadata: {} }
  fillDefaults(schema, completed)
  special.setDefaults?.(completed as Draft<KubeObject>)
  return completed
}
