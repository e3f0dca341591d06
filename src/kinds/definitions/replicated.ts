import type {
  Deployment,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
} from '../../kube/generated/types.ts'
import { formatLabelSelector, type LabelSelectorObject, labelSelectorFromObject } from '../../kube/index.ts'
import {
  ageColumn,
  ageOf,
  type Cell,
  nameColumn,
  nameOf,
  numberColumn,
  type TableColumn,
} from '../table/columns.ts'
import { templateCells, templateColumns } from '../table/workload.ts'
import type { ScaleMapping } from './definition.ts'

export const replicaColumns: readonly TableColumn[] = [
  nameColumn,
  numberColumn('Desired', 'How many pods are wanted.'),
  numberColumn('Current', 'How many pods there are.'),
  numberColumn('Ready', 'How many pods are ready.'),
  ageColumn,
  ...templateColumns,
]

/** The cells of {@link replicaColumns}. */
export function replicaRow(
  object: ReplicaSet | ReplicationController,
  selector: LabelSelectorObject | undefined,
  nowMs: number,
): readonly Cell[] {
  return [
    nameOf(object),
    object.spec?.replicas ?? 1,
    object.status?.replicas ?? 0,
    object.status?.readyReplicas ?? 0,
    ageOf(object, nowMs),
    ...templateCells(object.spec?.template?.spec, selector),
  ]
}

/** How the workloads of `apps/v1` are scaled. */
export function workloadScale<T extends Deployment | ReplicaSet | StatefulSet>(): ScaleMapping<T> {
  return {
    replicas: ({ spec }) => spec?.replicas ?? 1,
    observedReplicas: ({ status }) => status?.replicas ?? 0,
    selector: ({ spec }) => formatLabelSelector(labelSelectorFromObject(spec?.selector)),
    withReplicas: (object, replicas) => ({ ...object, spec: { ...object.spec, replicas } }),
  }
}
