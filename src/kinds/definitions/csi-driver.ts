import { deepEqual } from '../../base/index.ts'
import type { CSIDriver } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateDriverName } from '../validation/csi.ts'
import { defineKind, type KindDefinition } from './definition.ts'

const LEAST_TOKEN_SECONDS = 600
const MODES = ['Ephemeral', 'Persistent']

export const csiDriverKind: KindDefinition<CSIDriver> = defineKind(Kinds.CSIDriver, {
  definition: 'io.k8s.api.storage.v1.CSIDriver',
  inert: 'hosts do not talk to CSI drivers',
  generation: 'spec',
  columns: [
    nameColumn,
    textColumn('AttachRequired', 'Whether its volumes are attached to a host before they are mounted.'),
    textColumn('PodInfoOnMount', 'Whether it is told of the pod.'),
    textColumn('StorageCapacity', 'Whether the scheduler asks for its capacity.'),
    textColumn('TokenRequests', 'Whom the tokens that it gets are for.'),
    textColumn('RequiresRepublish', 'Whether it is told again and again.'),
    textColumn('Modes', 'How long its volumes live.'),
    ageColumn,
  ],
  row: (object, nowMs) => {
    const { spec } = object
    return [
      nameOf(object),
      spec.attachRequired ?? true,
      spec.podInfoOnMount ?? false,
      spec.storageCapacity ?? false,
      spec.tokenRequests === undefined
        ? '<unset>'
        : spec.tokenRequests.map(({ audience }) => audience).join(','),
      spec.requiresRepublish ?? false,
      (spec.volumeLifecycleModes ?? []).join(',') || '<none>',
      ageOf(object, nowMs),
    ]
  },
  setDefaults({ spec }) {
    if (spec !== undefined && (spec.volumeLifecycleModes ?? []).length === 0)
      spec.volumeLifecycleModes = ['Persistent']
  },
  validate({ metadata, spec }, problems, old) {
    validateDriverName(metadata?.name ?? '', 'metadata.name', problems)
    spec?.volumeLifecycleModes?.forEach((mode, index) => {
      if (!MODES.includes(mode)) problems.notSupported(`spec.volumeLifecycleModes[${index}]`, mode, MODES)
    })
    const audiences = new Set<string>()
    spec?.tokenRequests?.forEach(({ audience = '', expirationSeconds }, index) => {
      const path = `spec.tokenRequests[${index}]`
      if (audiences.has(audience)) problems.duplicate(`${path}.audience`, audience)
      audiences.add(audience)
      if (expirationSeconds === undefined) return
      if (expirationSeconds < LEAST_TOKEN_SECONDS)
        problems.invalid(
          `${path}.expirationSeconds`,
          expirationSeconds,
          'may not specify a duration less than 10 minutes',
        )
      if (expirationSeconds > 2 ** 32)
        problems.invalid(
          `${path}.expirationSeconds`,
          expirationSeconds,
          'may not specify a duration larger than 2^32 seconds',
        )
    })
    if (old === undefined) return
    for (const field of ['attachRequired', 'volumeLifecycleModes'] as const)
      if (!deepEqual(spec?.[field], old.spec[field]))
        problems.invalid(`spec.${field}`, spec?.[field], 'field is immutable')
  },
})
