import type { ClusterRoleBinding } from '../generated/types.ts'
import { RBAC_GROUP } from '../rbac/words.ts'
import { validateClusterRoleBinding } from '../validation/rbac.ts'
import { bindingColumns, bindingRow, defaultBinding } from './bindings.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const clusterRoleBindingKind: KindDefinition<ClusterRoleBinding> = defineKind<ClusterRoleBinding>({
  group: RBAC_GROUP,
  kind: 'ClusterRoleBinding',
  definition: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
  namespaced: false,
  nameRule: 'path-segment',
  columns: bindingColumns,
  row: bindingRow,
  setDefaults: defaultBinding,
  validate: validateClusterRoleBinding,
})
