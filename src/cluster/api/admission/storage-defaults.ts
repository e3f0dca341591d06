import {
  CLAIM_PROTECTION,
  defaultClassOf,
  Kinds,
  type KubeObject,
  namesNoClass,
  type PersistentVolumeClaim,
  type StorageClass,
  VOLUME_PROTECTION,
} from '../../../kube/index.ts'
import { selectionOf } from '../cache/selection.ts'
import type { World } from '../cache/world.ts'
import type { Admission } from '../contract.ts'

const ALL_CLASSES = selectionOf(Kinds.StorageClass, { namespace: '', labelSelector: '', fieldSelector: '' })

/**
 * What upstream's DefaultStorageClass and StorageObjectInUseProtection admissions write: a claim that names no class gets the
 * default one, and neither a claim nor a volume can go while it is in use.
 */
export function storageDefaults(world: World): Admission {
  return {
    admit({ verb, kind, subresource, object }) {
      if (verb !== 'create' || subresource !== '' || kind.group !== '' || object === undefined) return object
      if (kind.kind === Kinds.PersistentVolume.kind) return withFinalizer(object, VOLUME_PROTECTION)
      if (kind.kind !== Kinds.PersistentVolumeClaim.kind) return object
      return withFinalizer(withClass(object as PersistentVolumeClaim, world), CLAIM_PROTECTION)
    },
  }
}

function withClass(claim: PersistentVolumeClaim, world: World): PersistentVolumeClaim {
  if (!namesNoClass(claim)) return claim
  const found = world.cacheOf(Kinds.StorageClass).select(ALL_CLASSES)
  const name = defaultClassOf(found.map(({ object }) => object as StorageClass))?.metadata.name
  return name === undefined ? claim : { ...claim, spec: { ...claim.spec, storageClassName: name } }
}

function withFinalizer(object: KubeObject, finalizer: string): KubeObject {
  const { finalizers = [] } = object.metadata
  if (finalizers.includes(finalizer)) return object
  return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } }
}
