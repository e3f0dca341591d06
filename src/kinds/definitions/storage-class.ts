import type { StorageClass } from '../../kube/generated/types.ts'
import { DEFAULT_STORAGE_CLASS, Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateStorageClass } from '../validation/storage-class.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const storageClassKind: KindDefinition<StorageClass> = defineKind(Kinds.StorageClass, {
  definition: 'io.k8s.api.storage.v1.StorageClass',
  columns: [
    nameColumn,
    textColumn('Provisioner', 'What makes its volumes.'),
    textColumn('ReclaimPolicy', 'What happens to its volumes when their claims are gone.'),
    textColumn('VolumeBindingMode', 'Whether volumes are made at once or for the first pod.'),
    textColumn('AllowVolumeExpansion', 'Whether claims may grow.'),
    ageColumn,
  ],
  row: (object, nowMs) => [
    object.metadata.annotations?.[DEFAULT_STORAGE_CLASS] === 'true'
      ? `${nameOf(object)} (default)`
      : nameOf(object),
    object.provisioner,
    object.reclaimPolicy ?? 'Delete',
    object.volumeBindingMode ?? 'Immediate',
    object.allowVolumeExpansion ?? false,
    ageOf(object, nowMs),
  ],
  validate: validateStorageClass,
})
