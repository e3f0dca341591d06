import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isNotFound, Kinds, type PolicyEndpoints } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'

const at = { namespace: 'default' }

describe('NetworkPolicyController', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await startTestCluster({ scheduler: false })
    await cluster.client.create(Kinds.NetworkPolicy, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name: 'web', ...at },
      spec: {
        podSelector: { matchLabels: { app: 'web' } },
        ingress: [
          {
            from: [
              { podSelector: { matchLabels: { role: 'client' } } },
              { namespaceSelector: { matchLabels: { team: 'ops' } } },
            ],
          },
        ],
      },
    })
  })
  afterAll(() => cluster?.close())

  const resolved = (): Promise<PolicyEndpoints | undefined> =>
    cluster.client.get(Kinds.PolicyEndpoints, 'web', at).catch(error => {
      if (isNotFound(error)) return undefined
      throw error
    })

  /** Waits until the policy allows exactly these addresses. */
  const untilAllowed = (...addresses: readonly string[]) =>
    eventually(`the peers to be ${addresses}`, async () => {
      const allow = (await resolved())?.spec.ingress?.allow
      return allow !== undefined && JSON.stringify(allow[0]?.addresses ?? []) === JSON.stringify(addresses)
    })

  async function addPod(name: string, podIP: string, labels: Record<string, string>, namespace = 'default') {
    await cluster.client.create(Kinds.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    })
    await cluster.client.patch(
      Kinds.Pod,
      name,
      { type: 'merge', body: { status: { phase: 'Running', podIP } } },
      { namespace, subresource: 'status' },
    )
  }

  it('resolves a policy, and follows pods and labels of namespaces', async () => {
    await untilAllowed()
    expect((await resolved())?.metadata.ownerReferences?.[0]).toMatchObject({
      kind: 'NetworkPolicy',
      name: 'web',
    })
    await addPod('one', '10.42.1.2', { role: 'client' })
    await untilAllowed('10.42.1.2')
    await cluster.client.create(Kinds.Namespace, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'ops' },
    })
    await addPod('two', '10.42.2.2', {}, 'ops')
    const body = { metadata: { labels: { team: 'ops' } } }
    await cluster.client.patch(Kinds.Namespace, 'ops', { type: 'merge', body })
    await untilAllowed('10.42.1.2', '10.42.2.2')
    await cluster.client.delete(Kinds.Pod, 'one', { ...at, gracePeriodSeconds: 0 })
    await untilAllowed('10.42.2.2')
  })

  it('mends what somebody else changed, and ends with its policy', async () => {
    await cluster.client.delete(Kinds.PolicyEndpoints, 'web', at)
    await untilAllowed('10.42.2.2')
    await cluster.client.delete(Kinds.NetworkPolicy, 'web', at)
    await eventually('the resolved policy to go', async () => (await resolved()) === undefined)
  })
})
