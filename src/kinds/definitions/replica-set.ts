import type { ReplicaSet } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { setTemplateDefaults } from '../pod/defaults.ts'
import { validateReplicaSet } from '../validation/workload.ts'
import { defineKind, type KindDefinition } from './definition.ts'
import { replicaColumns, replicaRow, workloadScale } from './replicated.ts'

export const replicaSetKind: KindDefinition<ReplicaSet> = defineKind(Kinds.ReplicaSet, {
  definition: 'io.k8s.api.apps.v1.ReplicaSet',
  generation: 'spec',
  selectable: { 'status.replicas': object => String(object.status?.replicas ?? 0) },
  columns: replicaColumns,
  row: (object, nowMs) => replicaRow(object, object.spec?.selector, nowMs),
  scale: workloadScale<ReplicaSet>(),
  setDefaults: draft => setTemplateDefaults(draft.spec?.template),
  validate: validateReplicaSet,
  prepareForCreate(draft) {
    draft.status = { replicas: 0 }
  },
})
