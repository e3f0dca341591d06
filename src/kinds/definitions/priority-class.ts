import type { PriorityClass } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

/** The highest priority of a class that is not the system's own. */
const HIGHEST = 1_000_000_000
const SYSTEM_PREFIX = 'system-'

/** The classes that every cluster has; they are made when the server starts. */
export const SYSTEM_PRIORITY_CLASSES: readonly PriorityClass[] = [
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-cluster-critical' },
    value: 2_000_000_000,
    description:
      'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  },
  {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'system-node-critical' },
    value: 2_000_001_000,
    description: 'Used for system critical pods that must not be moved from their current node.',
  },
]

export const priorityClassKind: KindDefinition<PriorityClass> = defineKind(Kinds.PriorityClass, {
  definition: 'io.k8s.api.scheduling.v1.PriorityClass',
  generation: 'spec',
  columns: [
    nameColumn,
    numberColumn('Value', 'The priority of its pods.'),
    textColumn('Global-Default', 'Whether pods that name no class have it.'),
    ageColumn,
    textColumn('PreemptionPolicy', 'Whether its pods may take the place of others.'),
  ],
  row: (object, nowMs) => [
    nameOf(object),
    object.value,
    object.globalDefault ?? false,
    ageOf(object, nowMs),
    object.preemptionPolicy ?? 'PreemptLowerPriority',
  ],
  validate({ metadata, value, preemptionPolicy }, problems, old) {
    const { name = '' } = metadata ?? {}
    if (name.startsWith(SYSTEM_PREFIX)) {
      const known = SYSTEM_PRIORITY_CLASSES.find(({ metadata }) => metadata.name === name)
      if (known === undefined || known.value !== value)
        problems.forbidden(
          'metadata.name',
          `priority class names with '${SYSTEM_PREFIX}' prefix are reserved for system use only`,
        )
    } else if ((value ?? 0) > HIGHEST) {
      problems.forbidden('value', `maximum allowed value of a user defined priority is ${HIGHEST}`)
    }
    if (old === undefined) return
    if (value !== old.value) problems.forbidden('value', 'may not be changed in an update.')
    if (preemptionPolicy !== old.preemptionPolicy)
      problems.invalid('preemptionPolicy', preemptionPolicy, 'field is immutable')
  },
})
