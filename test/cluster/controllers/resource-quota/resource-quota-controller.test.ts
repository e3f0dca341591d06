import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { usageOf } from '../../../../src/kinds/index.ts'
import {
  addQuantities,
  type ConfigMap,
  type CustomResourceDefinition,
  type Deployment,
  type EventObject,
  formatQuantity,
  isNotFound,
  type Kind,
  Kinds,
  type KubeObject,
  type Namespace,
  type Pod,
  parseQuantity,
  type Quantity,
  quantityToNumber,
  type ReplicaSet,
  type ResourceQuota,
  type StatefulSet,
} from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { definition } from '../../api/support/definitions.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'

const at = { namespace: 'default' }
const TEMPLATE = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'web', image: 'web' }] },
}

describe('ResourceQuotaController', () => {
  let cluster: TestCluster
  beforeEach(async () => {
    cluster = await startTestCluster()
  })
  afterEach(() => cluster.close())

  const quota = (hard: Record<string, string>): Promise<ResourceQuota> =>
    cluster.client.create(Kinds.ResourceQuota, {
      metadata: { name: 'test', ...at },
      spec: { hard },
    } as unknown as ResourceQuota)
  const setHard = (hard: Record<string, string | null>): Promise<ResourceQuota> =>
    cluster.client.patch(Kinds.ResourceQuota, 'test', { type: 'merge', body: { spec: { hard } } }, at)
  const read = (): Promise<ResourceQuota> => cluster.client.get(Kinds.ResourceQuota, 'test', at)
  const configMap = (name: string): Promise<ConfigMap> =>
    cluster.client.create(Kinds.ConfigMap, { metadata: { name, ...at } } as ConfigMap)
  const pod = (name: string): Promise<Pod> =>
    cluster.client.create(Kinds.Pod, { metadata: { name, ...at }, spec: TEMPLATE.spec } as unknown as Pod)

  async function used(wanted: Record<string, string>): Promise<ResourceQuota> {
    return eventually(`the use of ${JSON.stringify(wanted)}`, async () => {
      const found = await read()
      const sorted = Object.fromEntries(Object.entries(found.status?.used ?? {}).sort())
      return JSON.stringify(sorted) === JSON.stringify(wanted) && found
    })
  }

  const eventsOf = async (kind: Kind, name: string, reason: string): Promise<readonly EventObject[]> => {
    const { items } = await cluster.client.list(Kinds.Event, at)
    return items.filter(
      event =>
        event.involvedObject.kind === kind.kind &&
        event.involvedObject.name === name &&
        event.reason === reason,
    )
  }

  it('says what is used as objects come and go, and as what is limited changes', async () => {
    await configMap('before')
    await quota({ configmaps: '5', 'count/configmaps': '5', 'example.com/unknown': '1' })
    await used({ configmaps: '1', 'count/configmaps': '1' })
    await configMap('a')
    await used({ configmaps: '2', 'count/configmaps': '2' })
    await setHard({ 'count/configmaps': null, secrets: '1' })
    const changed = await used({ configmaps: '2', secrets: '0' })
    expect(changed.status?.hard).toEqual(changed.spec?.hard)
    await cluster.client.delete(Kinds.ConfigMap, 'a', at)
    await cluster.client.delete(Kinds.ConfigMap, 'before', at)
    await used({ configmaps: '0', secrets: '0' })
  })

  it('leaves what somebody else says of what it cannot count', async () => {
    await quota({ configmaps: '5', 'example.com/unknown': '3' })
    await used({ configmaps: '0' })
    const said = { type: 'merge', body: { status: { used: { 'example.com/unknown': '2' } } } } as const
    await cluster.client.patch(Kinds.ResourceQuota, 'test', said, { ...at, subresource: 'status' })
    await configMap('a')
    await used({ configmaps: '1', 'example.com/unknown': '2' })
  })

  it('lets go of pods that end, and of those that should have ended', async () => {
    await cluster.addNode('n1')
    await quota({ 'count/pods': '9', pods: '5' })
    await pod('a')
    await pod('b')
    await used({ 'count/pods': '2', pods: '2' })
    const over = { type: 'merge', body: { status: { phase: 'Succeeded' } } } as const
    await cluster.client.patch(Kinds.Pod, 'a', over, { ...at, subresource: 'status' })
    await used({ 'count/pods': '2', pods: '1' })
    await eventually(
      'the pod to run',
      async () => (await cluster.client.get(Kinds.Pod, 'b', at)).status?.phase === 'Running',
    )
    cluster.loseNode('n1')
    await cluster.client.delete(Kinds.Pod, 'b', { ...at, gracePeriodSeconds: 1 })
    await used({ 'count/pods': '2', pods: '0' })
  })

  it('counts objects of kinds that are defined later', async () => {
    const name = 'count/crontabs.stable.example.com'
    await quota({ [name]: '1', configmaps: '1' })
    await used({ configmaps: '0' })
    const { metadata, spec } = definition('CronTab', { group: 'stable.example.com' })
    await cluster.client.create(Kinds.CustomResourceDefinition, {
      metadata,
      spec,
    } as unknown as CustomResourceDefinition)
    await used({ configmaps: '0', [name]: '0' })
    const kind = await cluster.api.verbs.kinds.find(
      'stable.example.com',
      'v1',
      'crontabs',
      cluster.api.context(),
    )
    if (kind === undefined) throw new Error('it is not served')
    await cluster.client.create(kind, { metadata: { name: 'a', ...at } } as KubeObject)
    await used({ configmaps: '0', [name]: '1' })
    await cluster.client.delete(kind, 'a', at)
    await used({ configmaps: '0', [name]: '0' })
  })

  it('says what counting anew finds, and is never exceeded, after whatever happened side by side', async () => {
    const hard = { 'count/pods': '8', pods: '5', 'requests.cpu': '2' }
    await quota(hard)
    const names = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j')
    const steps = fc.oneof(
      fc.record({ does: fc.constant('create'), name: names, cpu: fc.constantFrom('100m', '500m', '1') }),
      fc.record({ does: fc.constantFrom('delete', 'Succeeded', 'Failed'), name: names }),
    )
    const carryOut = (step: { does: string; name: string; cpu?: string }): Promise<unknown> => {
      const { does, name, cpu = '' } = step
      if (does === 'delete') return cluster.client.delete(Kinds.Pod, name, at)
      if (does === 'create') {
        const containers = [{ name: 'web', image: 'web', resources: { requests: { cpu } } }]
        const body = { metadata: { name, ...at }, spec: { containers } } as unknown as Pod
        return cluster.client.create(Kinds.Pod, body)
      }
      const change = { type: 'merge', body: { status: { phase: does } } } as const
      return cluster.client.patch(Kinds.Pod, name, change, { ...at, subresource: 'status' })
    }
    const anew = async (): Promise<Record<string, string>> => {
      const total = new Map<string, Quantity>(Object.keys(hard).map(name => [name, parseQuantity('0')]))
      for (const found of (await cluster.client.list(Kinds.Pod, at)).items)
        for (const [name, amount] of usageOf('pods', found, Date.now())) {
          const before = total.get(name)
          if (before !== undefined) total.set(name, addQuantities(before, amount))
        }
      return Object.fromEntries([...total].map(([name, amount]) => [name, formatQuantity(amount)]))
    }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(steps, { maxLength: 12 }), { maxLength: 8 }), async batches => {
        for (const batch of batches) {
          await Promise.allSettled(batch.map(carryOut))
          const now = await anew()
          for (const [name, limit] of Object.entries(hard))
            expect(quantityToNumber(parseQuantity(now[name] ?? '0'))).toBeLessThanOrEqual(
              quantityToNumber(parseQuantity(limit)),
            )
        }
        await used(await anew())
      }),
      { numRuns: 12 },
    )
  })

  it('goes with its namespace, and holds up nothing there', async () => {
    const namespace = { namespace: 'shop' }
    await cluster.client.create(Kinds.Namespace, { metadata: { name: 'shop' } } as Namespace)
    await cluster.client.create(Kinds.ResourceQuota, {
      metadata: { name: 'none', ...namespace },
      spec: { hard: { pods: '0', 'count/replicasets.apps': '1', configmaps: '0' } },
    } as unknown as ResourceQuota)
    await cluster.client.create(Kinds.ReplicaSet, {
      metadata: { name: 'web', ...namespace },
      spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: TEMPLATE },
    } as unknown as ReplicaSet)
    await cluster.client.delete(Kinds.Namespace, 'shop')
    await eventually('the namespace to be gone', () =>
      cluster.client.get(Kinds.Namespace, 'shop').then(
        () => false,
        error => isNotFound(error),
      ),
    )
  })

  describe('what controllers say of a refusal, and that they go on once there is room', () => {
    const words =
      /^(?:.*)pods "web-\S+" is forbidden: exceeded quota: test, requested: pods=1, used: pods=1, limited: pods=1/

    it('a Deployment and its ReplicaSet', async () => {
      await cluster.addNode('n1')
      await quota({ pods: '1' })
      await cluster.client.create(Kinds.Deployment, {
        metadata: { name: 'web', ...at },
        spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: TEMPLATE },
      } as unknown as Deployment)
      const failed = await eventually('the condition of the Deployment', async () => {
        const { status } = await cluster.client.get(Kinds.Deployment, 'web', at)
        return status?.conditions?.find(({ type }) => type === 'ReplicaFailure')
      })
      expect(failed).toMatchObject({ status: 'True', reason: 'FailedCreate' })
      expect(failed.message).toMatch(words)
      const [replicaSet] = (await cluster.client.list(Kinds.ReplicaSet, at)).items
      const name = replicaSet?.metadata.name ?? ''
      expect(replicaSet?.status?.conditions).toContainEqual(
        expect.objectContaining({ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }),
      )
      const [event] = await eventually('the event', async () => {
        const events = await eventsOf(Kinds.ReplicaSet, name, 'FailedCreate')
        return events.length > 0 && events
      })
      expect(event?.message).toMatch(/^Error creating: pods "web-/)
      expect(event?.message).toMatch(words)
      expect(event?.type).toBe('Warning')
      await setHard({ pods: '3' })
      await eventually('the Deployment to be complete', async () => {
        const { status } = await cluster.client.get(Kinds.Deployment, 'web', at)
        const fails = status?.conditions?.some(({ type }) => type === 'ReplicaFailure')
        return status?.availableReplicas === 3 && !fails
      })
      await used({ pods: '3' })
    })

    it('a Deployment whose ReplicaSet is refused', async () => {
      await cluster.addNode('n1')
      await quota({ 'count/replicasets.apps': '0' })
      await cluster.client.create(Kinds.Deployment, {
        metadata: { name: 'web', ...at },
        spec: { replicas: 1, selector: { matchLabels: { app: 'web' } }, template: TEMPLATE },
      } as unknown as Deployment)
      const message =
        /^Failed to create new replica set "(web-\S+)": replicasets.apps "\1" is forbidden: exceeded quota: test, requested: count\/replicasets.apps=1/
      const condition = await eventually('the condition', async () => {
        const { status } = await cluster.client.get(Kinds.Deployment, 'web', at)
        return status?.conditions?.find(({ reason }) => reason === 'ReplicaSetCreateError')
      })
      expect(condition).toMatchObject({ type: 'Progressing', status: 'False' })
      expect(condition.message).toMatch(message)
      const [event] = await eventually('the event', async () => {
        const events = await eventsOf(Kinds.Deployment, 'web', 'ReplicaSetCreateError')
        return events.length > 0 && events
      })
      expect(event?.message).toMatch(message)
      await setHard({ 'count/replicasets.apps': '1' })
      await eventually('the Deployment to be complete', async () => {
        const { status } = await cluster.client.get(Kinds.Deployment, 'web', at)
        return status?.availableReplicas === 1
      })
    })

    it('a StatefulSet', async () => {
      await cluster.addNode('n1')
      await quota({ pods: '1' })
      await cluster.client.create(Kinds.StatefulSet, {
        metadata: { name: 'web', ...at },
        spec: {
          replicas: 2,
          serviceName: 'web',
          selector: { matchLabels: { app: 'web' } },
          template: TEMPLATE,
        },
      } as unknown as StatefulSet)
      const [event] = await eventually('the event', async () => {
        const events = await eventsOf(Kinds.StatefulSet, 'web', 'FailedCreate')
        return events.length > 0 && events
      })
      expect(event?.message).toMatch(
        /^create Pod web-1 in StatefulSet web failed error: pods "web-1" is forbidden: exceeded quota: test/,
      )
      await setHard({ pods: '2' })
      await eventually('the StatefulSet to be complete', async () => {
        const { status } = await cluster.client.get(Kinds.StatefulSet, 'web', at)
        return status?.availableReplicas === 2
      })
    })
  })
})
