import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Kinds } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { ingress, rule } from '../../../kube/ingress/objects.ts'
import { startTestCluster, type TestCluster } from '../test-cluster.ts'

let cluster: TestCluster
beforeEach(async () => {
  cluster = await startTestCluster({ scheduler: false })
})
afterEach(() => cluster.close())

async function makeNode(name: string, addresses: Readonly<Record<string, string>>): Promise<void> {
  await cluster.client.create(Kinds.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name } })
  await report(name, {
    addresses: Object.entries(addresses).map(([type, address]) => ({ type, address })),
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'IngressServing', status: 'True' },
    ],
  })
}

async function report(name: string, status: object): Promise<void> {
  await cluster.client.patch(
    Kinds.Node,
    name,
    { type: 'strategic', body: { status } },
    { subresource: 'status' },
  )
}

function makeIngress(name: string, spec: Parameters<typeof ingress>[1]): Promise<unknown> {
  return cluster.client.create(Kinds.Ingress, ingress(name, spec))
}

async function addressesOf(name: string): Promise<string> {
  const { status } = await cluster.client.get(Kinds.Ingress, name, { namespace: 'default' })
  return (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join(' ')
}

describe('IngressStatusController', () => {
  const spec = { rules: [rule('a.test', ['Prefix', '/', 'web'])] }

  it('writes the addresses of the hosts that serve, and follows them', async () => {
    await makeNode('one', { InternalIP: '10.0.0.2', Hostname: 'one' })
    await makeNode('two', { InternalIP: '10.0.0.1', ExternalIP: '192.0.2.1' })
    await makeNode('same', { InternalIP: '10.0.0.2' })
    await makeIngress('web', spec)
    await eventually('both hosts', async () => (await addressesOf('web')) === '10.0.0.2 192.0.2.1')
    await report('two', { conditions: [{ type: 'IngressServing', status: 'False' }] })
    await eventually('the one that serves', async () => (await addressesOf('web')) === '10.0.0.2')
    await cluster.client.patch(Kinds.Node, 'one', { type: 'merge', body: { spec: { unschedulable: true } } })
    const labels = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }
    await cluster.client.patch(Kinds.Node, 'same', { type: 'merge', body: { metadata: { labels } } })
    await report('two', { conditions: [{ type: 'IngressServing', status: 'True' }] })
    await eventually('a cordoned one too', async () => (await addressesOf('web')) === '10.0.0.2 192.0.2.1')
    await cluster.client.patch(Kinds.Node, 'one', { type: 'merge', body: { metadata: { labels } } })
    await eventually('none that is excluded', async () => (await addressesOf('web')) === '192.0.2.1')
  })

  it('leaves those of other controllers alone', async () => {
    await makeNode('one', { InternalIP: '10.0.0.1' })
    await makeIngress('foreign', { ...spec, ingressClassName: 'nginx' })
    const body = { status: { loadBalancer: { ingress: [{ ip: '192.0.2.9' }] } } }
    const options = { namespace: 'default', subresource: 'status' }
    await cluster.client.patch(Kinds.Ingress, 'foreign', { type: 'merge', body }, options)
    await makeIngress('web', spec)
    await eventually('its own', async () => (await addressesOf('web')) === '10.0.0.1')
    expect(await addressesOf('foreign')).toBe('192.0.2.9')
  })

  it('tells the younger of two that claim one path', async () => {
    await makeIngress('a-young', spec)
    await makeIngress('b-young', spec)
    const event = await eventually('an event', async () => {
      const { items } = await cluster.client.list(Kinds.Event)
      return items.find(({ reason }) => reason === 'PathConflict')
    })
    expect(event).toMatchObject({ type: 'Warning', involvedObject: { kind: 'Ingress', name: 'b-young' } })
    expect(event.message).toBe('a.test/ is served for the older ingress default/a-young')
  })
})
