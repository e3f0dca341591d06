import type { PersistentVolume } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { shortAccessModes } from '../table/access-modes.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn, wide } from '../table/columns.ts'
import { validatePersistentVolume } from '../validation/persistent-volume.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const persistentVolumeKind: KindDefinition<PersistentVolume> = defineKind(Kinds.PersistentVolume, {
  definition: 'io.k8s.api.core.v1.PersistentVolume',
  columns: [
    nameColumn,
    textColumn('Capacity', 'How large it is.'),
    textColumn('Access Modes', 'How it may be mounted.'),
    textColumn('Reclaim Policy', 'What happens to it when its claim is gone.'),
    textColumn('Status', 'Its phase.'),
    textColumn('Claim', 'The claim that it is bound to.'),
    textColumn('StorageClass', 'Its class.'),
    textColumn('VolumeAttributesClass', 'The class of its attributes.'),
    textColumn('Reason', 'Why it is in this phase.'),
    ageColumn,
    wide(textColumn('VolumeMode', 'Filesystem or Block.')),
  ],
  row: (object, nowMs) => {
    const { spec, status, metadata } = object
    const claim = spec?.claimRef
    return [
      nameOf(object),
      spec?.capacity?.storage ?? '',
      shortAccessModes(spec?.accessModes),
      spec?.persistentVolumeReclaimPolicy ?? '',
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
      claim === undefined ? '' : `${claim.namespace}/${claim.name}`,
      spec?.storageClassName ?? '',
      spec?.volumeAttributesClassName ?? '<unset>',
      status?.reason ?? '',
      ageOf(object, nowMs),
      spec?.volumeMode ?? '<unset>',
    ]
  },
  validate: validatePersistentVolume,
  prepareForCreate(draft) {
    draft.status = { phase: 'Pending' }
  },
})
