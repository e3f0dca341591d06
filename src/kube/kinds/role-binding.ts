import type { RoleBinding } from '../generated/types.ts'
import { RBAC_GROUP } from '../rbac/words.ts'
import { validateRoleBinding } from '../validation/rbac.ts'
import { bindingColumns, bindingRow, defaultBinding } from './bindings.ts'
import { defineKind, type KindDefinition } from './definition.ts'

export const roleBindingKind: KindDefinition<RoleBinding> = defineKind<RoleBinding>({
  group: RBAC_GROUP,
  kind: 'RoleBinding',
  definition: 'io.k8s.api.rbac.v1.RoleBinding',
  nameRule: 'path-segment',
  columns: bindingColumns,
  row: bindingRow,
  setDefaults: defaultBinding,
  validate: validateRoleBinding,
})
