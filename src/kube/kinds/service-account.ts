import type { ServiceAccount } from '../generated/types.ts'
import { ageColumn, ageOf, nameColumn, nameOf, numberColumn } from '../table/columns.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const serviceAccountKind: KindDefinition<ServiceAccount> = defineKind<ServiceAccount>({
  kind: 'ServiceAccount',
  definition: 'io.k8s.api.core.v1.ServiceAccount',
  shortNames: ['sa'],
  subresources: ['token'],
  columns: [nameColumn, numberColumn('Secrets', 'Number of Secrets that it may use.'), ageColumn],
  row: (object, nowMs) => [nameOf(object), object.secrets?.length ?? 0, ageOf(object, nowMs)],
})
