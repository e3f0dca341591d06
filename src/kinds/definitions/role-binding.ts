import type { RoleBinding } from '../../kube/generated/types.ts'
import { Kinds } from '../../kube/index.ts'
import { validateRoleBinding } from '../validation/rbac.ts'
import { bindingColumns, bindingRow, defaultBinding } from './bindings.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const roleBindingKind: KindDefinition<RoleBinding> = defineKind(Kinds.RoleBinding, {
  definition: 'io.k8s.api.rbac.v1.RoleBinding',
  nameRule: 'path-segment',
  columns: bindingColumns,
  row: bindingRow,
  setDefaults: defaultBinding,
  validate: validateRoleBinding,
})
