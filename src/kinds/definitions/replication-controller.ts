import type { ReplicationController } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { setTemplateDefaults } from '../pod/defaults.ts'
import { formatSelectorMap } from '../table/selector-map.ts'
import { nonNegative, validateReplicas, validateTemplateAndSelector } from '../validation/workload.ts'
import { defineKind, type KindDefinition } from './definition.ts'
import { replicaColumns, replicaRow } from './replicated.ts'

export const replicationControllerKind: KindDefinition<ReplicationController> = defineKind(
  Kinds.ReplicationController,
  {
    definition: 'io.k8s.api.core.v1.ReplicationController',
    inert: 'no controller makes pods of it',
    generation: 'spec',
    selectable: { 'status.replicas': object => String(object.status?.replicas ?? 0) },
    columns: replicaColumns,
    row: (object, nowMs) => replicaRow(object, { matchLabels: object.spec?.selector ?? {} }, nowMs),
    scale: {
      replicas: object => object.spec?.replicas ?? 1,
      observedReplicas: object => object.status?.replicas ?? 0,
      selector: object => formatSelectorMap(object.spec?.selector),
      withReplicas: (object, replicas) => ({ ...object, spec: { ...object.spec, replicas } }),
    },
    setDefaults({ metadata, spec }) {
      const labels = spec?.template?.metadata?.labels
      if (labels !== undefined && spec !== undefined) {
        if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels }
        if (metadata !== undefined && Object.keys(metadata.labels ?? {}).length === 0)
          metadata.labels = { ...labels }
      }
      setTemplateDefaults(spec?.template)
    },
    validate({ spec }, problems) {
      if (spec === undefined) return problems.required('spec.selector')
      validateReplicas(spec.replicas, problems)
      nonNegative('spec.minReadySeconds', spec.minReadySeconds, problems)
      const { selector = {}, template } = spec
      const isEmpty = Object.keys(selector).length === 0
      if (isEmpty) problems.required('spec.selector')
      if (template === undefined) problems.required('spec.template')
      validateTemplateAndSelector(
        isEmpty ? { template } : { template, selector: { matchLabels: selector } },
        problems,
        {
          emptySelector: '',
          noDeadline: 'activeDeadlineSeconds in ReplicationController is not Supported',
          claimed: [],
        },
      )
    },
    prepareForCreate(draft) {
      draft.status = { replicas: 0 }
    },
  },
)
