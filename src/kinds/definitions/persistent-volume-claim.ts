import type { PersistentVolumeClaim } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { shortAccessModes } from '../table/access-modes.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn, wide } from '../table/columns.ts'
import { validatePersistentVolumeClaim } from '../validation/persistent-volume-claim.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const persistentVolumeClaimKind: KindDefinition<PersistentVolumeClaim> = defineKind(
  Kinds.PersistentVolumeClaim,
  {
    definition: 'io.k8s.api.core.v1.PersistentVolumeClaim',
    columns: [
      nameColumn,
      textColumn('Status', 'Its phase.'),
      textColumn('Volume', 'The volume that it is bound to.'),
      textColumn('Capacity', 'How large the volume is.'),
      textColumn('Access Modes', 'How the volume may be mounted.'),
      textColumn('StorageClass', 'Its class.'),
      textColumn('VolumeAttributesClass', 'The class of its attributes.'),
      ageColumn,
      wide(textColumn('VolumeMode', 'Filesystem or Block.')),
    ],
    row: (object, nowMs) => {
      const { spec, status, metadata } = object
      const isBound = (spec?.volumeName ?? '') !== ''
      return [
        nameOf(object),
        metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
        spec?.volumeName ?? '',
        isBound ? (status?.capacity?.storage ?? '') : '',
        isBound ? shortAccessModes(status?.accessModes) : '',
        spec?.storageClassName ?? '',
        spec?.volumeAttributesClassName ?? '<unset>',
        ageOf(object, nowMs),
        spec?.volumeMode ?? '<unset>',
      ]
    },
    validate: validatePersistentVolumeClaim,
    prepareForCreate(draft) {
      draft.status = { phase: 'Pending' }
    },
  },
)
