import { Kinds } from '../../../../src/kube/index.ts'
import type { TestApi } from './api-server.ts'

/** Everyone of a group may do everything, in every namespace or in one, and is limited as any user: only `system:masters` are not. */
export async function allowEverything({ client }: TestApi, group: string, namespace?: string): Promise<void> {
  const binding = {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: group }],
  }
  const apiVersion = 'rbac.authorization.k8s.io/v1'
  if (namespace === undefined)
    await client.create(Kinds.ClusterRoleBinding, {
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name: group },
      ...binding,
    })
  else
    await client.create(Kinds.RoleBinding, {
      apiVersion,
      kind: 'RoleBinding',
      metadata: { name: group, namespace },
      ...binding,
    })
}
