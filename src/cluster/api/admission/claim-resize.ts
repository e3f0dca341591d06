import {
  compareQuantities,
  Kinds,
  type PersistentVolumeClaim,
  parseQuantity,
  registryKey,
  type StorageClass,
} from '../../../kube/index.ts'
import type { World } from '../cache/world.ts'
import type { Admission } from '../contract.ts'
import { forbidden } from '../refusals.ts'

/** What upstream's PersistentVolumeClaimResize admission refuses: a claim that grows without a volume, or where its class cannot make it grow. */
export function claimResize(world: World): Admission {
  return {
    admit({ verb, kind, subresource, name, object, old }) {
      if (verb !== 'update' || subresource !== '' || !isClaim(kind) || !grows(object, old)) return object
      const { spec, status } = old as PersistentVolumeClaim
      if (status?.phase !== 'Bound')
        throw forbidden(kind, name, 'Only bound persistent volume claims can be expanded')
      const key = registryKey(Kinds.StorageClass, undefined, spec?.storageClassName ?? '')
      const entry = world.cacheOf(Kinds.StorageClass).get(key)
      if ((entry?.object as StorageClass | undefined)?.allowVolumeExpansion !== true)
        throw forbidden(
          kind,
          name,
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
        )
      return object
    },
  }
}

function isClaim(kind: { readonly group: string; readonly kind: string }): boolean {
  return kind.group === '' && kind.kind === Kinds.PersistentVolumeClaim.kind
}

function grows(object: unknown, old: unknown): boolean {
  const size = sizeOf(object)
  const before = sizeOf(old)
  if (size === undefined || before === undefined) return false
  return compareQuantities(parseQuantity(size), parseQuantity(before)) > 0
}

function sizeOf(claim: unknown): string | undefined {
  return (claim as PersistentVolumeClaim).spec?.resources?.requests?.storage
}
