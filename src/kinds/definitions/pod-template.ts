import type { PodTemplate } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { setTemplateDefaults } from '../pod/defaults.ts'
import { validatePodSpec } from '../pod/validate-spec.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { templateCells } from '../table/workload.ts'
import { validateLabels } from '../validation/labels.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const podTemplateKind: KindDefinition<PodTemplate> = defineKind(Kinds.PodTemplate, {
  definition: 'io.k8s.api.core.v1.PodTemplate',
  generation: 'spec',
  columns: [
    nameColumn,
    textColumn('Containers', 'Names of the containers of the template.'),
    textColumn('Images', 'Images of the containers of the template.'),
    textColumn('Pod Labels', 'Labels of the pods.'),
    ageColumn,
  ],
  row: (object, nowMs) => [
    nameOf(object),
    ...templateCells(object.template?.spec, { matchLabels: object.template?.metadata?.labels ?? {} }),
    ageOf(object, nowMs),
  ],
  setDefaults: draft => setTemplateDefaults(draft.template),
  validate({ template }, problems) {
    validateLabels(template?.metadata?.labels, 'template.metadata.labels', problems)
    if (template?.spec === undefined) problems.required('template.spec.containers')
    else validatePodSpec(template.spec, 'template.spec', problems)
  },
})
