import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { allKinds, isNotFound, Kinds, type Namespace } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { deployment } from '../build.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'

const namespace = 'shop'
let cluster: TestCluster

beforeEach(async () => {
  cluster = await startTestCluster()
  await cluster.addNode('n1')
  await cluster.client.create(Kinds.Namespace, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespace },
  })
})
afterEach(() => cluster.close())

async function find(): Promise<Namespace | undefined> {
  try {
    return await cluster.client.get(Kinds.Namespace, namespace)
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

const gone = () => eventually('no namespace', async () => (await find()) === undefined)

const serviceAccount = () =>
  eventually('the service account', async () => {
    const { items } = await cluster.client.list(Kinds.ServiceAccount, { namespace })
    return items.find(one => one.metadata.name === 'default')
  })

describe('NamespaceController', () => {
  it('takes everything in the namespace along, running pods too', async () => {
    await cluster.client.create(Kinds.Deployment, { ...deployment(), metadata: { name: 'web', namespace } })
    await cluster.client.create(Kinds.ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a', namespace },
    })
    await eventually('three running pods', async () => {
      const running = (await cluster.pods()).filter(pod => pod.status?.phase === 'Running')
      return running.length === 3
    })
    await cluster.client.delete(Kinds.Namespace, namespace)
    await gone()
    for (const kind of allKinds)
      if (kind.namespaced) expect((await cluster.client.list(kind, { namespace })).items).toEqual([])
  })

  it('says what it waits for, and goes on when that is gone', async () => {
    await cluster.client.create(Kinds.ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'held', namespace, finalizers: ['example.com/hold'] },
    })
    await cluster.client.delete(Kinds.Namespace, namespace)
    const conditions = await eventually('the reason', async () => {
      const found = (await find())?.status?.conditions ?? []
      return found.some(one => one.type === 'NamespaceContentRemaining' && one.status === 'True') && found
    })
    expect((await find())?.status?.phase).toBe('Terminating')
    expect(conditions.map(one => [one.type, one.status, one.message])).toContainEqual([
      'NamespaceFinalizersRemaining',
      'True',
      'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    ])
    expect(conditions.map(one => [one.type, one.status, one.message])).toContainEqual([
      'NamespaceContentRemaining',
      'True',
      'Some resources are remaining: configmaps. has 1 resource instances',
    ])
    await cluster.client.patch(
      Kinds.ConfigMap,
      'held',
      { type: 'merge', body: { metadata: { finalizers: null } } },
      { namespace },
    )
    await gone()
  })
})

describe('ServiceAccountController', () => {
  it('gives a namespace its default account, again when it is deleted', async () => {
    const first = await serviceAccount()
    await cluster.client.delete(Kinds.ServiceAccount, 'default', { namespace })
    await eventually(
      'a new account',
      async () => (await serviceAccount()).metadata.uid !== first.metadata.uid,
    )
  })
})
