import { afterAll, beforeAll, it } from 'vitest'
import { type ClusterRole, Kinds } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

let cluster: TestCluster

beforeAll(async () => {
  cluster = await startTestCluster({ scheduler: false })
})
afterAll(() => cluster.close())

function role(name: string, fields: Partial<ClusterRole>, labels = {}): ClusterRole {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, labels },
    ...fields,
  }
}

function rule(resource: string) {
  return { apiGroups: [''], resources: [resource], verbs: ['get'] }
}

async function rulesBecome(name: string, resources: readonly string[]): Promise<void> {
  await eventually(`${name} to have ${resources}`, async () => {
    const { rules = [] } = await cluster.client.get(Kinds.ClusterRole, name)
    return rules.flatMap(({ resources = [] }) => resources).join() === resources.join()
  })
}

it('gathers the rules of the roles with its labels, of roles that gather too, and of none that left', async () => {
  const { client } = cluster
  const gathering = (label: string) => ({
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: label } }] },
  })
  await client.create(Kinds.ClusterRole, role('outer', gathering('outer')))
  await client.create(Kinds.ClusterRole, role('inner', gathering('inner'), { to: 'outer' }))
  await client.create(
    Kinds.ClusterRole,
    role('b', { rules: [rule('secrets'), rule('pods')] }, { to: 'inner' }),
  )
  await client.create(Kinds.ClusterRole, role('a', { rules: [rule('pods')] }, { to: 'inner' }))
  await client.create(Kinds.ClusterRole, role('c', { rules: [rule('nodes')] }))
  await rulesBecome('inner', ['pods', 'secrets'])
  await rulesBecome('outer', ['pods', 'secrets'])

  const metadata = { labels: { to: null } }
  await client.patch(Kinds.ClusterRole, 'b', { type: 'merge', body: { metadata } })
  await rulesBecome('outer', ['pods'])
  await client.delete(Kinds.ClusterRole, 'a')
  await rulesBecome('outer', [])
})

it('takes away what somebody writes into a role that gathers', async () => {
  const body = { rules: [rule('configmaps')] }
  await cluster.client.patch(Kinds.ClusterRole, 'outer', { type: 'merge', body })
  await rulesBecome('outer', [])
})
