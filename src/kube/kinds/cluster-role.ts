import type { ClusterRole } from '../generated/types.ts'
import { RBAC_GROUP } from '../rbac/words.ts'
import { createdAtColumn, nameColumn, nameOf } from '../table/columns.ts'
import { validateClusterRole } from '../validation/rbac.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const clusterRoleKind: KindDefinition<ClusterRole> = defineKind<ClusterRole>({
  group: RBAC_GROUP,
  kind: 'ClusterRole',
  definition: 'io.k8s.api.rbac.v1.ClusterRole',
  namespaced: false,
  nameRule: 'path-segment',
  columns: [nameColumn, createdAtColumn],
  row: object => [nameOf(object), object.metadata.creationTimestamp ?? ''],
  validate: validateClusterRole,
})
