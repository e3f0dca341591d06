import type { RuntimeClass } from '../../kube/generated/types.ts'
import { dnsLabelProblems, Kinds } from '../../kube/index.ts'
import { validateTolerations } from '../pod/validate-scheduling.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateLabels } from '../validation/labels.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const runtimeClassKind: KindDefinition<RuntimeClass> = defineKind(Kinds.RuntimeClass, {
  definition: 'io.k8s.api.node.v1.RuntimeClass',
  inert: 'every pod runs by the runtime of its host',
  columns: [nameColumn, textColumn('Handler', 'The runtime that is meant.'), ageColumn],
  row: (object, nowMs) => [nameOf(object), object.handler, ageOf(object, nowMs)],
  validate({ handler = '', scheduling }, problems, old) {
    problems.invalidEach('handler', handler, dnsLabelProblems(handler))
    validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector', problems)
    validateTolerations(scheduling?.tolerations ?? [], 'scheduling.tolerations', problems)
    if (old !== undefined && handler !== old.handler)
      problems.invalid('handler', handler, 'field is immutable')
  },
})
