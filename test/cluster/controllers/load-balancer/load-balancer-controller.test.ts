import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds, type Service } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'

const namespace = 'default'
let cluster: TestCluster

beforeEach(async () => {
  cluster = await startTestCluster()
  await addHost('n1', '192.0.2.1')
  await addHost('n2', '192.0.2.2')
})
afterEach(() => cluster.close())

async function addHost(name: string, address: string): Promise<void> {
  await cluster.addNode(name)
  await writeStatus(name, { addresses: [{ type: 'InternalIP', address }] })
}

async function writeStatus(name: string, status: object): Promise<void> {
  await cluster.client.patch(
    Kinds.Node,
    name,
    { type: 'strategic', body: { status } },
    { subresource: 'status' },
  )
}

function makeService(name: string, spec: Partial<NonNullable<Service['spec']>> = {}): Promise<Service> {
  return cluster.client.create(Kinds.Service, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80, protocol: 'TCP' }], ...spec },
  })
}

async function hosts(name: string): Promise<string> {
  const { status } = await cluster.client.get(Kinds.Service, name, { namespace })
  return (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join(' ')
}

async function messages(name: string, reason: string): Promise<readonly (string | undefined)[]> {
  const { items } = await cluster.client.list(Kinds.Event, { namespace })
  return items
    .filter(event => event.involvedObject.name === name && event.reason === reason)
    .map(({ message }) => message)
}

describe('LoadBalancerController', () => {
  it('names the hosts that serve, as they come and go', async () => {
    await makeService('web')
    await eventually('both hosts', async () => (await hosts('web')) === '192.0.2.1 192.0.2.2')
    const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }
    await cluster.client.patch(Kinds.Node, 'n1', { type: 'merge', body: { metadata: { labels } } })
    await eventually('the other host', async () => (await hosts('web')) === '192.0.2.2')
    await writeStatus('n2', { addresses: [{ type: 'InternalIP', address: '192.0.2.9' }] })
    await eventually('its new address', async () => (await hosts('web')) === '192.0.2.9')
    await eventually('the event', async () =>
      (await messages('web', 'UpdatedLoadBalancer')).includes(
        'Updated LoadBalancer with new IPs: [192.0.2.2] -> [192.0.2.9]',
      ),
    )
  })

  it('keeps what it said while no host at all is heard of', async () => {
    await makeService('web')
    await eventually('both hosts', async () => (await hosts('web')) === '192.0.2.1 192.0.2.2')
    await writeStatus('n1', { conditions: [{ type: 'Ready', status: 'Unknown' }] })
    await eventually('the other host', async () => (await hosts('web')) === '192.0.2.2')
    await writeStatus('n2', { conditions: [{ type: 'Ready', status: 'Unknown' }] })
    await makeService('probe', { type: 'ClusterIP', ports: [{ port: 81, protocol: 'TCP' }] })
    await writeStatus('n1', { conditions: [{ type: 'Ready', status: 'True' }] })
    await eventually('the one that is back', async () => (await hosts('web')) === '192.0.2.1')
    expect(await messages('web', 'UpdatedLoadBalancer')).not.toContainEqual(expect.stringContaining('-> []'))
  })

  it('follows the pods of a Local service', async () => {
    await cluster.client.patch(Kinds.Node, 'n1', { type: 'merge', body: { spec: { unschedulable: true } } })
    await makeService('web', { externalTrafficPolicy: 'Local' })
    await cluster.client.create(Kinds.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', namespace, labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'web:1' }] },
    })
    await eventually('the host of the pod', async () => (await hosts('web')) === '192.0.2.2')
    await cluster.client.delete(Kinds.Pod, 'a', { namespace })
    await eventually('nowhere', async () => (await hosts('web')) === '')
  })

  it('leaves the second of two services pending on a port, says so, and gives it on', async () => {
    await makeService('first')
    await eventually('the first is served', async () => (await hosts('first')) !== '')
    await makeService('second')
    await eventually('the event', async () =>
      (await messages('second', 'PortConflict')).includes(
        'Cannot serve port 80/TCP on n1, n2: service default/first has it there',
      ),
    )
    expect(await hosts('second')).toBe('')
    const body = { spec: { type: 'ClusterIP' } }
    await cluster.client.patch(Kinds.Service, 'first', { type: 'merge', body }, { namespace })
    await eventually('the second is served', async () => (await hosts('second')) === '192.0.2.1 192.0.2.2')
    expect(await hosts('first')).toBe('')
  })
})
