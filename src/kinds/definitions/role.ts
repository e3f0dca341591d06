import type { Role } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { createdAtColumn, nameColumn, nameOf } from '../table/columns.ts'
import { validateRole } from '../validation/rbac.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const roleKind: KindDefinition<Role> = defineKind(Kinds.Role, {
  definition: 'io.k8s.api.rbac.v1.Role',
  nameRule: 'path-segment',
  columns: [nameColumn, createdAtColumn],
  row: object => [nameOf(object), object.metadata.creationTimestamp ?? ''],
  validate: validateRole,
})
