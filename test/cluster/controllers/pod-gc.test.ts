import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { startTestCluster, type TestCluster } from './test-cluster.ts'

const namespace = 'default'
let clock: FakeClock
let cluster: TestCluster

beforeEach(async () => {
  clock = new FakeClock()
  cluster = await startTestCluster({ clock, scheduler: false, podGc: { terminatedPodThreshold: 2 } })
})
afterEach(() => cluster.close())

async function makePod(name: string, nodeName: string): Promise<void> {
  await cluster.client.create(Kinds.Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { containers: [{ name: 'web', image: 'v1' }], ...(nodeName === '' ? {} : { nodeName }) },
  })
}

const names = async () => (await cluster.pods()).map(pod => pod.metadata.name).sort()

/** Lets time pass until the pods are these. */
const becomes = (expected: readonly string[]) =>
  eventually(`pods ${expected}`, async () => {
    await clock.advance(5_000)
    return (await names()).join() === expected.join()
  })

describe('PodGarbageCollector', () => {
  it('deletes the pods of a node that is gone, and of no other', async () => {
    await cluster.addNode('n1')
    await makePod('orphan', 'gone')
    await makePod('kept', 'n1')
    await becomes(['kept'])
  })

  it('deletes the pods that end on a node which was declared out of service, once it is not ready', async () => {
    await cluster.addNode('n1')
    await cluster.addNode('n2')
    for (const node of ['n1', 'n2']) {
      await makePod(`on-${node}`, node)
      cluster.loseNode(node)
      const taints = [
        { key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' },
      ]
      await cluster.client.patch(Kinds.Node, node, { type: 'merge', body: { spec: { taints } } })
    }
    await eventually('the taint to evict both', async () =>
      (await cluster.pods()).every(({ metadata }) => metadata.deletionTimestamp !== undefined),
    )
    // n1 is silent from here on, n2 still calls itself ready: its agent is the one to end its pod.
    const conditions = [{ type: 'Ready', status: 'Unknown' }]
    await cluster.client.patch(
      Kinds.Node,
      'n1',
      { type: 'strategic', body: { status: { conditions } } },
      { subresource: 'status' },
    )
    await becomes(['on-n2'])
    await clock.advance(20_000)
    expect(await names()).toEqual(['on-n2'])
  })

  it('deletes the oldest ended pods beyond the threshold', async () => {
    await cluster.addNode('n1')
    cluster.stuck.add('p')
    for (const name of ['p1', 'p2', 'p3', 'p4']) {
      await makePod(name, 'n1')
      const body = { status: { phase: 'Succeeded' } }
      await cluster.client.patch(
        Kinds.Pod,
        name,
        { type: 'merge', body },
        { namespace, subresource: 'status' },
      )
      await clock.advance(1_000)
    }
    await becomes(['p3', 'p4'])
    expect(await names()).toHaveLength(2)
  })
})
