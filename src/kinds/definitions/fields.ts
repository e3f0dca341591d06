import type { Kind, KubeObject } from '../../kube/index.ts'
import { definitionOf } from './definitions.ts'

/** The fields that a field selector may name. */
export function selectableFields(kind: Kind): readonly string[] {
  const own = Object.keys(definitionOf(kind).selectable)
  return ['metadata.name', ...(kind.namespaced ? ['metadata.namespace'] : []), ...own]
}

/** The text of a selectable field, empty where the object does not have it; undefined when the kind cannot be selected by it. */
export function fieldValue(kind: Kind, object: KubeObject, field: string): string | undefined {
  if (field === 'metadata.name') return object.metadata.name ?? ''
  if (field === 'metadata.namespace' && kind.namespaced) return object.metadata.namespace ?? ''
  const { selectable } = definitionOf(kind)
  return Object.hasOwn(selectable, field) ? selectable[field]?.(object) : undefined
}
