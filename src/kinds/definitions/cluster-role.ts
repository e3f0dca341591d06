import type { ClusterRole } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { createdAtColumn, nameColumn, nameOf } from '../table/columns.ts'
import { validateClusterRole } from '../validation/rbac.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const clusterRoleKind: KindDefinition<ClusterRole> = defineKind(Kinds.ClusterRole, {
  definition: 'io.k8s.api.rbac.v1.ClusterRole',
  nameRule: 'path-segment',
  columns: [nameColumn, createdAtColumn],
  row: object => [nameOf(object), object.metadata.creationTimestamp ?? ''],
  validate: validateClusterRole,
})
