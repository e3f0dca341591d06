import type { ClusterRoleBinding } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { validateClusterRoleBinding } from '../validation/rbac.ts'
import { bindingColumns, bindingRow, defaultBinding } from './bindings.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const clusterRoleBindingKind: KindDefinition<ClusterRoleBinding> = defineKind(
  Kinds.ClusterRoleBinding,
  {
    definition: 'io.k8s.api.rbac.v1.ClusterRoleBinding',
    nameRule: 'path-segment',
    columns: bindingColumns,
    row: bindingRow,
    setDefaults: defaultBinding,
    validate: validateClusterRoleBinding,
  },
)
