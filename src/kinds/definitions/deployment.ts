import type { Deployment } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { setTemplateDefaults } from '../pod/defaults.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn } from '../table/columns.ts'
import { templateCells, templateColumns } from '../table/workload.ts'
import { validateDeployment } from '../validation/workload.ts'
import { defineKind, type KindDefinition } from './definition.ts'
import { workloadScale } from './replicated.ts'

export const deploymentKind: KindDefinition<Deployment> = defineKind(Kinds.Deployment, {
  definition: 'io.k8s.api.apps.v1.Deployment',
  // Annotations carry what the controller is told (`kubectl rollout` and friends), so they count as a change of intent.
  generation: 'annotations',
  columns: [
    nameColumn,
    textColumn('Ready', 'Ready pods of those wanted.'),
    numberColumn('Up-to-date', 'Pods of the newest template.'),
    numberColumn('Available', 'Pods that have been ready for long enough.'),
    ageColumn,
    ...templateColumns,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    `${object.status?.readyReplicas ?? 0}/${object.spec?.replicas ?? 1}`,
    object.status?.updatedReplicas ?? 0,
    object.status?.availableReplicas ?? 0,
    ageOf(object, nowMs),
    ...templateCells(object.spec?.template?.spec, object.spec?.selector),
  ],
  scale: workloadScale<Deployment>(),
  setDefaults(draft) {
    const strategy = draft.spec?.strategy
    if (strategy?.type === 'RollingUpdate')
      strategy.rollingUpdate = { maxSurge: '25%', maxUnavailable: '25%', ...strategy.rollingUpdate }
    setTemplateDefaults(draft.spec?.template)
  },
  validate: validateDeployment,
  prepareForCreate(draft) {
    draft.status = {}
  },
  prepareForUpdate(draft, old, subresource) {
    if (subresource === 'status' && draft.metadata !== undefined) {
      if (old.metadata.labels === undefined) delete draft.metadata.labels
      else draft.metadata.labels = { ...old.metadata.labels }
    }
  },
})
