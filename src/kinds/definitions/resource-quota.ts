import type { ResourceQuota } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { validateResourceQuota } from '../validation/resource-quota.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const resourceQuotaKind: KindDefinition<ResourceQuota> = defineKind(Kinds.ResourceQuota, {
  definition: 'io.k8s.api.core.v1.ResourceQuota',
  columns: [
    nameColumn,
    ageColumn,
    textColumn('Request', 'Requests and objects: used of allowed.'),
    textColumn('Limit', 'Limits: used of allowed.'),
  ],
  row: (object, nowMs) => {
    const shown = (ofLimits: boolean): string =>
      Object.entries(object.status?.hard ?? {})
        .filter(([resource]) => resource.startsWith('limits.') === ofLimits)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([resource, hard]) => `${resource}: ${object.status?.used?.[resource] ?? '0'}/${hard}`)
        .join(', ')
    return [nameOf(object), ageOf(object, nowMs), shown(false), shown(true)]
  },
  validate: validateResourceQuota,
  prepareForCreate(draft) {
    draft.status = {}
  },
})
