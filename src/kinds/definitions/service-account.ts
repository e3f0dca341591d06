import type { ServiceAccount } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const serviceAccountKind: KindDefinition<ServiceAccount> = defineKind(Kinds.ServiceAccount, {
  definition: 'io.k8s.api.core.v1.ServiceAccount',
  columns: [nameColumn, numberColumn('Secrets', 'Number of Secrets that it may use.'), ageColumn],
  row: (object, nowMs) => [nameOf(object), object.secrets?.length ?? 0, ageOf(object, nowMs)],
})
