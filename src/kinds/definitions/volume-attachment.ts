import { deepEqual } from '../../base/index.ts'
import type { VolumeAttachment } from '../../kube/generated/types.ts'
import { dnsSubdomainProblems, Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateDriverName } from '../validation/csi.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const volumeAttachmentKind: KindDefinition<VolumeAttachment> = defineKind(Kinds.VolumeAttachment, {
  definition: 'io.k8s.api.storage.v1.VolumeAttachment',
  inert: 'nothing attaches the volumes of CSI drivers',
  columns: [
    nameColumn,
    textColumn('Attacher', 'The CSI driver that is asked.'),
    textColumn('PV', 'The volume.'),
    textColumn('Node', 'The host.'),
    textColumn('Attached', 'Whether the volume is attached.'),
    ageColumn,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    object.spec.attacher,
    object.spec.source.persistentVolumeName ?? '',
    object.spec.nodeName,
    object.status?.attached ?? false,
    ageOf(object, nowMs),
  ],
  validate({ spec }, problems, old) {
    validateDriverName(spec?.attacher ?? '', 'spec.attacher', problems)
    const { nodeName = '', source } = spec ?? {}
    problems.invalidEach('spec.nodeName', nodeName, dnsSubdomainProblems(nodeName))
    const { persistentVolumeName, inlineVolumeSpec } = source ?? {}
    if (persistentVolumeName === undefined && inlineVolumeSpec === undefined)
      problems.required(
        'spec.source',
        'must specify exactly one of inlineVolumeSpec and persistentVolumeName',
      )
    else if (persistentVolumeName !== undefined && inlineVolumeSpec !== undefined)
      problems.forbidden(
        'spec.source',
        'must specify exactly one of inlineVolumeSpec and persistentVolumeName',
      )
    else if (persistentVolumeName === '')
      problems.required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName')
    if (old !== undefined && !deepEqual(spec, old.spec)) problems.invalid('spec', spec, 'field is immutable')
  },
  prepareForCreate(draft) {
    draft.status = { attached: false }
  },
})
