import type { PriorityLevelConfiguration } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validatePriorityLevel } from '../validation/flow-control.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const priorityLevelConfigurationKind: KindDefinition<PriorityLevelConfiguration> = defineKind(
  Kinds.PriorityLevelConfiguration,
  {
    definition: 'io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration',
    inert: 'requests are limited by fixed shares',
    generation: 'spec',
    columns: [
      nameColumn,
      textColumn('Type', 'Exempt or Limited.'),
      textColumn('NominalConcurrencyShares', 'Its share of the requests that run at once.'),
      textColumn('Queues', 'How many queues it has.'),
      textColumn('HandSize', 'How many queues a flow may use.'),
      textColumn('QueueLengthLimit', 'How many requests wait in a queue.'),
      ageColumn,
    ],
    row: (object, nowMs) => {
      const { limited, exempt, type = '' } = object.spec ?? {}
      const queuing = limited?.limitResponse?.queuing
      return [
        nameOf(object),
        type,
        String((limited ?? exempt)?.nominalConcurrencyShares ?? '<none>'),
        String(queuing?.queues ?? '<none>'),
        String(queuing?.handSize ?? '<none>'),
        String(queuing?.queueLengthLimit ?? '<none>'),
        ageOf(object, nowMs),
      ]
    },
    validate: validatePriorityLevel,
  },
)
