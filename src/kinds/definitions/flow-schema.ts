import type { FlowSchema } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn } from '../table/columns.ts'
import { validateFlowSchema } from '../validation/flow-control.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const flowSchemaKind: KindDefinition<FlowSchema> = defineKind(Kinds.FlowSchema, {
  definition: 'io.k8s.api.flowcontrol.v1.FlowSchema',
  inert: 'requests are limited by fixed shares',
  generation: 'spec',
  columns: [
    nameColumn,
    textColumn('PriorityLevel', 'The level of the requests that it matches.'),
    numberColumn('MatchingPrecedence', 'Which schema is asked first: the one with the lowest.'),
    textColumn('DistinguisherMethod', 'What makes one flow of its requests.'),
    ageColumn,
    textColumn('MissingPL', 'Whether its level is missing.'),
  ],
  row: (object, nowMs) => {
    const { spec, status } = object
    return [
      nameOf(object),
      spec?.priorityLevelConfiguration.name ?? '',
      spec?.matchingPrecedence ?? 1000,
      spec?.distinguisherMethod?.type ?? '<none>',
      ageOf(object, nowMs),
      status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
    ]
  },
  validate: validateFlowSchema,
})
