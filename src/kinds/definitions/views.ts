import type { Kind, KubeObject } from '../../kube/index.ts'
import { definitionOf } from './definitions.ts'

/** The kind whose objects the store holds: the kind itself, or the one that it shows in another form. */
export function storedKindOf<T extends KubeObject>(kind: Kind<T>): Kind {
  return kind.storedAs ?? kind
}

/** A stored object as `kind` shows it; the same object for a kind that is stored as it is. */
export function fromStored(kind: Kind, object: KubeObject): KubeObject {
  return kind.storedAs === undefined ? object : (definitionOf(kind).fromStored?.(object) ?? object)
}

/** An object of `kind`, or a part of one, as it is stored. */
export function toStored(kind: Kind, object: KubeObject): KubeObject {
  return kind.storedAs === undefined ? object : (definitionOf(kind).toStored?.(object) ?? object)
}
