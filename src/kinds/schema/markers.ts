import type { GroupVersionKind, Schema } from './schema.ts'

/** What the model metadata cannot say about one definition. */
export interface DefinitionOverlay {
  /** Markers of the definition itself: `x-kubernetes-map-type`, group-version-kinds. */
  readonly definition?: Schema
  /** Keywords that are laid over those of a field: list types and keys, patch strategies, defaults, enums, formats. */
  readonly fields?: { readonly [field: string]: Schema }
}

/** By definition name without its package: `PodSpec`. */
export type Overlay = { readonly [name: string]: DefinitionOverlay }

/** A list that server-side apply owns and replaces as a whole. */
export const atomicList: Schema = { 'x-kubernetes-list-type': 'atomic' }

/** A list of distinct plain values. */
export const setList: Schema = { 'x-kubernetes-list-type': 'set' }

/** An object or map that server-side apply owns and replaces as a whole. */
export const atomicMap: Schema = { 'x-kubernetes-map-type': 'atomic' }

/** A list whose items are named by `keys`; strategic merge patches replace it. */
export function mapList(...keys: readonly string[]): Schema {
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys }
}

/** A list whose items are named by `keys`; strategic merge patches merge it by the first of them. */
export function mergeList(...keys: readonly string[]): Schema {
  return { ...mapList(...keys), ...patchMergeKey(keys[0] as string) }
}

/** What strategic merge patches do with a list, when it differs from what server-side apply does. */
export function patchMergeKey(key: string): Schema {
  return { 'x-kubernetes-patch-strategy': 'merge', 'x-kubernetes-patch-merge-key': key }
}

/** Strategic merge patches merge the list and drop the fields of an item that the patch does not name. */
export const retainKeys: Schema = { 'x-kubernetes-patch-strategy': 'merge,retainKeys' }

/** A quantity such as `500m` or `1Gi`; also written as a number. */
export const quantity: Schema = { format: 'quantity' }

/** A map of resource names to quantities. */
export const quantities: Schema = { type: 'object', additionalProperties: quantity }

/** Marks a definition as a kind of its own. */
export function kindOf(group: string, version: string, kind: string): Schema {
  const groupVersionKind: GroupVersionKind = { group, version, kind }
  return { 'x-kubernetes-group-version-kind': [groupVersionKind] }
}

/** `status` of a condition. */
export const conditionStatus: Schema = { enum: ['False', 'True', 'Unknown'] }
