import { expect, it } from 'vitest'
import { Kinds } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestCluster } from '../test-cluster.ts'

const namespace = 'default'

it('a ReplicaSet of two billion replicas fills no memory: it makes more when some of those that wait have a node', async () => {
  const cluster = await startTestCluster({ scheduler: false })
  const { client } = cluster
  const labels = { app: 'typo' }
  const counted = () => cluster.informers.of(Kinds.Pod).list(namespace).length
  const waits = (count: number) =>
    eventually(
      `${count} pods, and the word that no more are made`,
      async () => {
        const { status } = await client.get(Kinds.ReplicaSet, 'typo', { namespace })
        const failure = status?.conditions?.find(({ type }) => type === 'ReplicaFailure')
        return counted() === count && failure?.message?.startsWith('2000 pods wait for a node already')
      },
      60_000,
    )
  try {
    await client.create(Kinds.ReplicaSet, {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'typo', namespace },
      spec: {
        replicas: 2 ** 31 - 1,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
      },
    })
    await waits(2_000)
    const [pod] = cluster.informers.of(Kinds.Pod).list(namespace)
    const name = pod?.metadata.name ?? ''
    await client.createSubresource(
      Kinds.Pod,
      name,
      'binding',
      {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace },
        target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
      } as never,
      { namespace },
    )
    await waits(2_001)
    expect(counted()).toBe(2_001)
  } finally {
    await cluster.close()
  }
})
