import type { PodDisruptionBudget } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn, textColumn } from '../table/columns.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import { nonNegative, validateIntOrPercent, validateUpTo100Percent } from '../validation/workload.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const podDisruptionBudgetKind: KindDefinition<PodDisruptionBudget> = defineKind(
  Kinds.PodDisruptionBudget,
  {
    definition: 'io.k8s.api.policy.v1.PodDisruptionBudget',
    inert: 'draining a host does not ask it',
    generation: 'spec',
    columns: [
      nameColumn,
      textColumn('Min Available', 'How many pods must stay available.'),
      textColumn('Max Unavailable', 'How many pods may be unavailable.'),
      numberColumn('Allowed Disruptions', 'How many pods may be evicted now.'),
      ageColumn,
    ],
    row: (object, nowMs) => [
      nameOf(object),
      String(object.spec?.minAvailable ?? 'N/A'),
      String(object.spec?.maxUnavailable ?? 'N/A'),
      object.status?.disruptionsAllowed ?? 0,
      ageOf(object, nowMs),
    ],
    validate({ spec, status }, problems) {
      if (spec?.minAvailable !== undefined && spec.maxUnavailable !== undefined)
        problems.invalid('spec', spec, 'minAvailable and maxUnavailable cannot be both set')
      for (const field of ['minAvailable', 'maxUnavailable'] as const) {
        const value = spec?.[field]
        if (value === undefined) continue
        validateIntOrPercent(value, `spec.${field}`, problems)
        validateUpTo100Percent(value, `spec.${field}`, problems)
      }
      validateLabelSelector(spec?.selector, 'spec.selector', problems)
      for (const [field, value] of Object.entries(status ?? {}))
        if (typeof value === 'number') nonNegative(`status.${field}`, value, problems)
    },
    prepareForCreate(draft) {
      draft.status = { currentHealthy: 0, desiredHealthy: 0, disruptionsAllowed: 0, expectedPods: 0 }
    },
  },
)
