import type { ReplicaSet } from '../generated/types.ts'
import { setTemplateDefaults } from '../pod/defaults.ts'
import { formatLabelSelector, labelSelectorFromObject } from '../selectors/label-selector.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn } from '../table/columns.ts'
import { templateCells, templateColumns } from '../table/workload.ts'
import { validateReplicaSet } from '../validation/workload.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const replicaSetKind: KindDefinition<ReplicaSet> = defineKind<ReplicaSet>({
  group: 'apps',
  kind: 'ReplicaSet',
  definition: 'io.k8s.api.apps.v1.ReplicaSet',
  shortNames: ['rs'],
  categories: ['all'],
  subresources: ['scale', 'status'],
  generation: 'spec',
  selectable: { 'status.replicas': object => String(object.status?.replicas ?? 0) },
  columns: [
    nameColumn,
    numberColumn('Desired', 'How many pods are wanted.'),
    numberColumn('Current', 'How many pods there are.'),
    numberColumn('Ready', 'How many pods are ready.'),
    ageColumn,
    ...templateColumns,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    object.spec?.replicas ?? 1,
    object.status?.replicas ?? 0,
    object.status?.readyReplicas ?? 0,
    ageOf(object, nowMs),
    ...templateCells(object.spec?.template?.spec, object.spec?.selector),
  ],
  scale: {
    replicas: object => object.spec?.replicas ?? 1,
    observedReplicas: object => object.status?.replicas ?? 0,
    selector: object => formatLabelSelector(labelSelectorFromObject(object.spec?.selector)),
    withReplicas: (object, replicas) => ({
      ...object,
      spec: { ...(object.spec as NonNullable<ReplicaSet['spec']>), replicas },
    }),
  },
  setDefaults: draft => setTemplateDefaults(draft.spec?.template),
  validate: validateReplicaSet,
  prepareForCreate(draft) {
    draft.status = { replicas: 0 }
  },
})
