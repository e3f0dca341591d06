import { afterAll, beforeAll, expect, it } from 'vitest'
import { ensureDefaultRoles, systemIdentity } from '../../../../../src/cluster/api/index.ts'
import {
  type ClusterRole,
  type ClusterRoleBinding,
  Kinds,
  missingRules,
} from '../../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../../test-api.ts'

const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate'
let api: TestApi

beforeAll(async () => {
  api = await startTestApi()
  await ensure()
})
afterAll(() => api.close())

function ensure(): Promise<void> {
  return ensureDefaultRoles(api.verbs, systemIdentity('bootstrap'), api.context().signal)
}

function role(name: string): Promise<ClusterRole> {
  return api.client.get(Kinds.ClusterRole, name)
}

it('makes upstream’s roles and their bindings', async () => {
  expect(await role('cluster-admin')).toMatchObject({
    metadata: {
      labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
      annotations: { [AUTOUPDATE]: 'true' },
    },
    rules: [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ],
  })
  expect((await role('view')).aggregationRule).toEqual({
    clusterRoleSelectors: [{ matchLabels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' } }],
  })
  expect(await api.client.get(Kinds.ClusterRoleBinding, 'cluster-admin')).toMatchObject({
    roleRef: { kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'Group', name: 'system:masters' }],
  })
})

it('changes nothing that is complete', async () => {
  const before = (await api.client.list(Kinds.ClusterRole)).resourceVersion
  await ensure()
  expect((await api.client.list(Kinds.ClusterRole)).resourceVersion).toBe(before)
})

it('gives back what was taken away and keeps what was added', async () => {
  const discovery = await role('system:discovery')
  const own = { apiGroups: [''], resources: ['nodes'], verbs: ['get'] }
  const less = { nonResourceURLs: ['/version'], verbs: ['get'] }
  await api.client.update(Kinds.ClusterRole, { ...discovery, rules: [less, own] })
  const binding = await api.client.get(Kinds.ClusterRoleBinding, 'system:discovery')
  await api.client.update(Kinds.ClusterRoleBinding, { ...binding, subjects: [] })
  await api.client.delete(Kinds.ClusterRole, 'system:basic-user')
  await ensure()
  const rules = (await role('system:discovery')).rules ?? []
  expect(missingRules(rules, [...(discovery.rules ?? []), own])).toEqual([])
  const restored = await api.client.get(Kinds.ClusterRoleBinding, 'system:discovery')
  expect(restored.subjects).toEqual(binding.subjects)
  expect((await role('system:basic-user')).rules).toHaveLength(2)
})

it('leaves alone what says so', async () => {
  const monitoring = await role('system:monitoring')
  const metadata = { ...monitoring.metadata, annotations: { [AUTOUPDATE]: 'false' } }
  await api.client.update(Kinds.ClusterRole, { ...monitoring, metadata, rules: [] })
  await ensure()
  expect((await role('system:monitoring')).rules ?? []).toEqual([])
})

it('makes a default binding anew that binds to another role', async () => {
  const name = 'system:public-info-viewer'
  await api.client.delete(Kinds.ClusterRoleBinding, name)
  const wrong = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
  } satisfies ClusterRoleBinding
  await api.client.create(Kinds.ClusterRoleBinding, wrong)
  await ensure()
  const { roleRef, subjects } = await api.client.get(Kinds.ClusterRoleBinding, name)
  expect([roleRef.name, subjects?.map(subject => subject.name)]).toEqual([name, ['system:authenticated']])
})
