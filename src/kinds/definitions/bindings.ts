import type { ClusterRoleBinding, RoleBinding, Subject } from '../../kube/generated/types.ts'
import { RBAC_GROUP } from '../../kube/index.ts'
import {
  ageColumn,
  ageOf,
  type Cell,
  nameColumn,
  nameOf,
  type TableColumn,
  textColumn,
  wide,
} from '../table/columns.ts'
import type { Draft } from './definition.ts'

type AnyBinding = ClusterRoleBinding | RoleBinding

/** kubernetes `SetDefaults_RoleBinding`, `SetDefaults_Subject`: roles, users and groups are RBAC's own. */
export function defaultBinding({ roleRef, subjects }: Draft<AnyBinding>): void {
  if (roleRef !== undefined && !roleRef.apiGroup) roleRef.apiGroup = RBAC_GROUP
  for (const subject of subjects ?? [])
    if (!subject.apiGroup && (subject.kind === 'Group' || subject.kind === 'User'))
      subject.apiGroup = RBAC_GROUP
}

export const bindingColumns: readonly TableColumn[] = [
  nameColumn,
  textColumn('Role', 'The role that is bound.'),
  ageColumn,
  wide(textColumn('Users', 'The users that it is bound to.')),
  wide(textColumn('Groups', 'The groups that it is bound to.')),
  wide(textColumn('ServiceAccounts', 'The ServiceAccounts that it is bound to.')),
]

export function bindingRow(object: AnyBinding, nowMs: number): readonly Cell[] {
  const { roleRef, subjects = [] } = object
  const names = (kind: string, show = ({ name }: Subject) => name): string =>
    subjects
      .filter(subject => subject.kind === kind)
      .map(show)
      .join(', ')
  return [
    nameOf(object),
    `${roleRef.kind}/${roleRef.name}`,
    ageOf(object, nowMs),
    names('User'),
    names('Group'),
    names('ServiceAccount', ({ namespace = '', name }) => `${namespace}/${name}`),
  ]
}
