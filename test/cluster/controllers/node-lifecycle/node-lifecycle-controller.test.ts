import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { formatMicroTime, isNotFound, Kinds, type Node, type Pod } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'

const LEASES = 'kube-node-lease'
const namespace = 'default'
let cluster: TestCluster
let beating: Set<string>
let heart: ReturnType<typeof setInterval>

beforeEach(async () => {
  cluster = await startTestCluster({ nodeLifecycle: { gracePeriodMs: 600, startupGracePeriodMs: 600 } })
  beating = new Set()
  heart = setInterval(() => {
    for (const name of beating) void renew(name).catch(() => {})
  }, 100)
})

afterEach(async () => {
  clearInterval(heart)
  await cluster.close()
})

function renew(name: string): Promise<unknown> {
  const body = { spec: { holderIdentity: name, renewTime: formatMicroTime(Date.now()) } }
  return cluster.client.patch(Kinds.Lease, name, { type: 'merge', body }, { namespace: LEASES })
}

async function join(name: string): Promise<void> {
  await cluster.client.create(Kinds.Lease, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, namespace: LEASES },
    spec: { holderIdentity: name, renewTime: formatMicroTime(Date.now()) },
  })
  beating.add(name)
  await cluster.addNode(name)
}

async function makePod(name: string, node: string, tolerationSeconds: number): Promise<void> {
  const tolerations = ['not-ready', 'unreachable'].map(one => ({
    key: `node.kubernetes.io/${one}`,
    operator: 'Exists' as const,
    effect: 'NoExecute' as const,
    tolerationSeconds,
  }))
  await cluster.client.create(Kinds.Pod, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: { containers: [{ name: 'web', image: 'v1' }], nodeName: node, tolerations },
  })
  await eventually(`${name} ready`, async () => readiness(await pod(name)) === 'True')
}

const node = (name: string): Promise<Node> => cluster.client.get(Kinds.Node, name)
const pod = (name: string): Promise<Pod> => cluster.client.get(Kinds.Pod, name, { namespace })

function readiness(object: Node | Pod): string | undefined {
  const conditions: readonly { readonly type: string; readonly status: string }[] =
    object.status?.conditions ?? []
  return conditions.find(one => one.type === 'Ready')?.status
}

const taintsOf = async (name: string) =>
  ((await node(name)).spec?.taints ?? []).map(taint => `${taint.key}:${taint.effect}`).sort()

describe('NodeLifecycleController', () => {
  it('gives a silent node up, taints it, marks its pods, and takes it all back when it returns', async () => {
    await join('n1')
    await join('n2')
    await makePod('web', 'n1', 300)
    beating.delete('n1')
    const lost = await eventually('n1 given up', async () => {
      const found = await node('n1')
      return readiness(found) === 'Unknown' && found
    })
    expect(lost.status?.conditions?.find(one => one.type === 'Ready')).toMatchObject({
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    })
    await eventually('the taints', async () => (await taintsOf('n1')).length === 2)
    expect(await taintsOf('n1')).toEqual([
      'node.kubernetes.io/unreachable:NoExecute',
      'node.kubernetes.io/unreachable:NoSchedule',
    ])
    await eventually('the pod not ready', async () => readiness(await pod('web')) === 'False')
    expect((await pod('web')).metadata.deletionTimestamp).toBeUndefined()
    expect([readiness(await node('n2')), await taintsOf('n2')]).toEqual(['True', []])

    beating.add('n1')
    await renew('n1')
    const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }]
    await cluster.client.patch(
      Kinds.Node,
      'n1',
      { type: 'strategic', body: { status: { conditions } } },
      { subresource: 'status' },
    )
    await eventually('no taints', async () => (await taintsOf('n1')).length === 0)
    await eventually('events that tell of it', async () => {
      const { items } = await cluster.client.list(Kinds.Event, { fieldSelector: 'involvedObject.name=n1' })
      const reasons = items.map(({ reason }) => reason)
      return ['RegisteredNode', 'NodeNotReady', 'NodeReady'].every(reason => reasons.includes(reason))
    })
  })

  it('evicts pods whose toleration has run out from a lost node, and no others', async () => {
    await join('n1')
    await join('n2')
    await makePod('patient', 'n1', 300)
    await makePod('hasty', 'n1', 0)
    await makePod('elsewhere', 'n2', 0)
    cluster.loseNode('n1')
    beating.delete('n1')
    const evicted = await eventually('the eviction', async () => {
      const found = await pod('hasty')
      return found.metadata.deletionTimestamp !== undefined && found
    })
    expect(evicted.status?.conditions?.find(one => one.type === 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'DeletionByTaintManager',
    })
    expect((await pod('patient')).metadata.deletionTimestamp).toBeUndefined()
    expect((await pod('elsewhere')).metadata.deletionTimestamp).toBeUndefined()
  })

  it('evicts by a taint that says not since when it is there, as people set them, once it was borne long enough', async () => {
    await join('n1')
    const tolerations = (tolerationSeconds?: number) => [
      {
        ...{ key: 'maintenance', operator: 'Exists' as const, effect: 'NoExecute' as const },
        ...(tolerationSeconds && { tolerationSeconds }),
      },
    ]
    for (const [name, seconds] of [['short', 1] as const, ['ever', undefined] as const])
      await cluster.client.create(Kinds.Pod, {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace },
        spec: {
          containers: [{ name: 'web', image: 'v1' }],
          nodeName: 'n1',
          tolerations: tolerations(seconds),
        },
      })
    await eventually('both ready', async () =>
      (await Promise.all(['short', 'ever'].map(pod))).every(one => readiness(one) === 'True'),
    )
    const taints = [{ key: 'maintenance', effect: 'NoExecute' }]
    await cluster.client.patch(Kinds.Node, 'n1', { type: 'merge', body: { spec: { taints } } })
    await eventually('the pod gone', async () =>
      pod('short').then(
        () => false,
        error => isNotFound(error),
      ),
    )
    expect((await pod('ever')).metadata.deletionTimestamp).toBeUndefined()
  })

  it('evicts nothing when every node is silent', async () => {
    await join('n1')
    await makePod('hasty', 'n1', 0)
    beating.delete('n1')
    await eventually('n1 tainted', async () => (await taintsOf('n1')).length > 0)
    await eventually('the pod not ready', async () => readiness(await pod('hasty')) === 'False')
    expect(await taintsOf('n1')).toEqual(['node.kubernetes.io/unreachable:NoSchedule'])
    expect((await pod('hasty')).metadata.deletionTimestamp).toBeUndefined()
  })

  it('taints a cordoned node, and frees it', async () => {
    await join('n1')
    await cluster.client.patch(Kinds.Node, 'n1', { type: 'merge', body: { spec: { unschedulable: true } } })
    await eventually('the taint', async () =>
      (await taintsOf('n1')).includes('node.kubernetes.io/unschedulable:NoSchedule'),
    )
    await cluster.client.patch(Kinds.Node, 'n1', { type: 'merge', body: { spec: { unschedulable: null } } })
    await eventually('no taint', async () => (await taintsOf('n1')).length === 0)
  })

  it('lets go of a node that is deleted', async () => {
    await join('n1')
    beating.delete('n1')
    await cluster.client.delete(Kinds.Node, 'n1')
    await expect(node('n1')).rejects.toSatisfy(isNotFound)
  })
})
