import type { Pod } from '../../kube/generated/types.ts'
import { Kinds, type ObjectMeta } from '../../kube/index.ts'
import { setPodDefaults } from '../pod/defaults.ts'
import { podQosClass } from '../pod/qos.ts'
import { podColumns, podRow } from '../pod/row.ts'
import { validatePod } from '../pod/validate.ts'
import { defineKind, type KindDefinition } from './definition.ts'

/** What of a pod's metadata its subresources leave alone (kubernetes `pkg/registry/core/pod/strategy.go`). */
const KEPT_METADATA: Readonly<Record<string, readonly (keyof ObjectMeta)[]>> = {
  ephemeralcontainers: ['annotations', 'finalizers', 'generateName', 'labels', 'ownerReferences'],
  status: ['ownerReferences'],
}

export const podKind: KindDefinition<Pod> = defineKind(Kinds.Pod, {
  definition: 'io.k8s.api.core.v1.Pod',
  selectable: {
    'spec.hostNetwork': object => String(object.spec?.hostNetwork ?? false),
    'spec.nodeName': object => object.spec?.nodeName ?? '',
    'spec.restartPolicy': object => object.spec?.restartPolicy ?? '',
    'spec.schedulerName': object => object.spec?.schedulerName ?? '',
    'spec.serviceAccountName': object => object.spec?.serviceAccountName ?? '',
    'status.nominatedNodeName': object => object.status?.nominatedNodeName ?? '',
    'status.phase': object => object.status?.phase ?? '',
    'status.podIP': object => object.status?.podIP ?? '',
  },
  columns: podColumns,
  row: podRow,
  setDefaults: setPodDefaults,
  validate: validatePod,
  prepareForCreate(draft) {
    draft.status = { phase: 'Pending', qosClass: podQosClass(draft.spec) }
    // Upstream takes a negative grace period for the shortest one.
    if ((draft.spec?.terminationGracePeriodSeconds ?? 0) < 0)
      draft.spec = { ...draft.spec, terminationGracePeriodSeconds: 1 }
  },
  prepareForUpdate(draft, old, subresource) {
    const metadata = (draft.metadata ?? {}) as { [field: string]: unknown }
    for (const field of KEPT_METADATA[subresource] ?? [])
      if (old.metadata[field] === undefined) delete metadata[field]
      else metadata[field] = old.metadata[field]
    // Containers for a look around come in by their own subresource, which changes nothing else.
    const [spec = {}, other = {}] =
      subresource === 'ephemeralcontainers' ? [old.spec, draft.spec] : [draft.spec, old.spec]
    const { ephemeralContainers: own, ...rest } = spec
    const { ephemeralContainers } = other
    const next =
      own === ephemeralContainers
        ? spec
        : { ...rest, ...(ephemeralContainers === undefined ? {} : { ephemeralContainers }) }
    draft.spec = next as typeof draft.spec
    // The class follows from the resources at creation and never changes.
    if (subresource === 'status' && old.status?.qosClass !== undefined)
      draft.status = { ...draft.status, qosClass: old.status.qosClass }
  },
})
