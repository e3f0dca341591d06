import type { StatefulSet } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { setTemplateDefaults } from '../pod/defaults.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { templateCells, templateColumns } from '../table/workload.ts'
import { validateStatefulSet } from '../validation/stateful-set.ts'
import { defineKind, type KindDefinition } from './definition.ts'
import { workloadScale } from './replicated.ts'

export const statefulSetKind: KindDefinition<StatefulSet> = defineKind(Kinds.StatefulSet, {
  definition: 'io.k8s.api.apps.v1.StatefulSet',
  generation: 'spec',
  columns: [
    nameColumn,
    textColumn('Ready', 'Ready pods of those wanted.'),
    ageColumn,
    // Unlike other workloads upstream shows no selector here.
    ...templateColumns.slice(0, 2),
  ],
  row: (object, nowMs) => [
    nameOf(object),
    `${object.status?.readyReplicas ?? 0}/${object.spec?.replicas ?? 1}`,
    ageOf(object, nowMs),
    ...templateCells(object.spec?.template?.spec, object.spec?.selector).slice(0, 2),
  ],
  scale: workloadScale<StatefulSet>(),
  setDefaults(draft) {
    const strategy = draft.spec?.updateStrategy
    if (strategy?.type === 'RollingUpdate')
      strategy.rollingUpdate = { partition: 0, ...strategy.rollingUpdate }
    // Upstream stores the empty name.
    if (draft.spec !== undefined) draft.spec.serviceName ??= ''
    setTemplateDefaults(draft.spec?.template)
    for (const claim of draft.spec?.volumeClaimTemplates ?? []) {
      claim.apiVersion = 'v1'
      claim.kind = 'PersistentVolumeClaim'
      claim.status ??= { phase: 'Pending' }
    }
  },
  validate: validateStatefulSet,
  prepareForCreate(draft) {
    draft.status = { replicas: 0 }
  },
})
