import type { Kind, KubeObject } from '../../kube/index.ts'
import { definitionOf } from './definitions.ts'

/** A stored object as a version of its kind shows it; the same object when it is that already. */
export function fromStoredVersion(kind: Kind, object: KubeObject): KubeObject {
  return definitionOf(kind).rules?.fromStored(object) ?? object
}

/** An object as it is stored, whichever version of its kind it is of. */
export function toStoredVersion(kind: Kind, object: KubeObject): KubeObject {
  return definitionOf(kind).rules?.toStored(object) ?? object
}
