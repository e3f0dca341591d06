import type { Lease } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, textColumn } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const leaseKind: KindDefinition<Lease> = defineKind(Kinds.Lease, {
  definition: 'io.k8s.api.coordination.v1.Lease',
  columns: [nameColumn, textColumn('Holder', 'Who holds the lease.'), ageColumn],
  row: (object, nowMs) => [nameOf(object), object.spec?.holderIdentity ?? '', ageOf(object, nowMs)],
  validate(object, problems) {
    const { leaseDurationSeconds, leaseTransitions } = object.spec ?? {}
    if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0)
      problems.invalid('spec.leaseDurationSeconds', leaseDurationSeconds, 'must be greater than 0')
    if (leaseTransitions !== undefined && leaseTransitions < 0)
      problems.invalid('spec.leaseTransitions', leaseTransitions, 'must be greater than or equal to 0')
  },
})
