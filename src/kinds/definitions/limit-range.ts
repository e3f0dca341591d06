import type { LimitRange } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateLimitRange } from '../validation/limit-range.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const limitRangeKind: KindDefinition<LimitRange> = defineKind(Kinds.LimitRange, {
  definition: 'io.k8s.api.core.v1.LimitRange',
  columns: [nameColumn, textColumn('Created At', 'When it was created.')],
  row: object => [nameOf(object), object.metadata.creationTimestamp ?? ''],
  setDefaults({ spec }) {
    for (const item of spec?.limits ?? []) {
      if (item.type !== 'Container') continue
      // What is unsaid follows from what is said: limits from the maximum, requests from limits, then from the minimum.
      const limits = { ...item.max, ...item.default }
      const requests = { ...item.min, ...limits, ...item.defaultRequest }
      if (Object.keys(limits).length > 0) item.default = limits
      if (Object.keys(requests).length > 0) item.defaultRequest = requests
    }
  },
  validate: validateLimitRange,
})
