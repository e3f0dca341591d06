import { afterEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { Informers } from '../../../../src/client/index.ts'
import { type NodeIpamOptions, startControllers } from '../../../../src/cluster/controllers/index.ts'
import { DEFAULT_NETWORK, Kinds, type Node, nodeNetworkOf } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi, type TestApi } from '../../api/test-api.ts'

const closers: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

async function startApi(): Promise<TestApi> {
  const api = await startTestApi()
  closers.push(() => api.close())
  return api
}

/** The controllers of one server; the function ends them. */
function start(api: TestApi, nodeIpam: NodeIpamOptions = {}): () => Promise<void> {
  const stop = new AbortController()
  const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(context)
  const running = Promise.all([
    startControllers({ ...context, informers, nodeIpam }).start(stop.signal),
    informers.start(stop.signal),
  ])
  const end = async () => {
    stop.abort()
    await running
  }
  closers.push(end)
  return end
}

function addNode({ client }: TestApi, name: string, spec: Node['spec'] = {}): Promise<Node> {
  return client.create(Kinds.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec })
}

async function rangesOf({ client }: TestApi): Promise<Readonly<Record<string, string | undefined>>> {
  const { items } = await client.list(Kinds.Node)
  return Object.fromEntries(items.map(({ metadata, spec }) => [metadata.name, spec?.podCIDR]))
}

async function whenGiven(api: TestApi, name: string): Promise<Node> {
  return await eventually(`the range of ${name}`, async () => {
    const node = await api.client.get(Kinds.Node, name)
    return node.spec?.podCIDR !== undefined && nodeNetworkOf(node) !== undefined && node
  })
}

async function reasons({ client }: TestApi, node: string): Promise<readonly string[]> {
  const { items } = await client.list(Kinds.Event)
  return items.filter(event => event.involvedObject.name === node).map(event => event.reason ?? '')
}

describe('NodeIpamController', () => {
  it('gives each node a range of its own and tells it of the network', async () => {
    const api = await startApi()
    start(api)
    const names = Array.from({ length: 12 }, (_, index) => `n${index}`)
    await Promise.all(names.map(name => addNode(api, name)))
    const nodes = await Promise.all(names.map(name => whenGiven(api, name)))
    expect(new Set(nodes.map(({ spec }) => spec?.podCIDR)).size).toBe(12)
    for (const node of nodes) {
      expect(node.spec?.podCIDR).toMatch(/^10\.42\.\d+\.0\/24$/)
      expect(node.spec?.podCIDRs).toEqual([node.spec?.podCIDR])
      expect(nodeNetworkOf(node)).toEqual(DEFAULT_NETWORK)
    }
  })

  it('keeps what a node has through restarts, and gives what is left', async () => {
    const api = await startApi()
    const network = {
      ...{ podCidr: '10.60.0.0/23', serviceCidr: '10.61.0.0/16' },
      ...{ clusterDomain: 'lan.example', links: 'vxlan' as const },
    }
    const end = start(api, network)
    await addNode(api, 'a')
    const { spec } = await whenGiven(api, 'a')
    await end()
    await addNode(api, 'b')
    start(api, network)
    const b = await whenGiven(api, 'b')
    expect(nodeNetworkOf(b)).toEqual(network)
    expect(new Set([spec?.podCIDR, b.spec?.podCIDR])).toEqual(new Set(['10.60.0.0/24', '10.60.1.0/24']))
    expect((await rangesOf(api)).a).toBe(spec?.podCIDR)
  })

  it('says that the range is used up, and gives on what a deleted node had', async () => {
    const api = await startApi()
    start(api, { podCidr: '10.60.0.0/28', nodeMaskSize: 29 })
    await Promise.all([addNode(api, 'a'), addNode(api, 'b')])
    const a = await whenGiven(api, 'a')
    await whenGiven(api, 'b')
    await addNode(api, 'late')
    await eventually('the event', async () => (await reasons(api, 'late')).includes('CIDRNotAvailable'))
    expect(nodeNetworkOf(await api.client.get(Kinds.Node, 'late'))).toBeDefined()
    await api.client.delete(Kinds.Node, 'a')
    expect((await whenGiven(api, 'late')).spec?.podCIDR).toBe(a.spec?.podCIDR)
  })

  it('lets a range be that somebody chose, gives it to no other, and says when two chose the same', async () => {
    const api = await startApi()
    await addNode(api, 'chosen', { podCIDR: '10.60.0.0/25' })
    await addNode(api, 'twin', { podCIDR: '10.60.0.0/25' })
    await addNode(api, 'far', { podCIDR: '192.0.2.0/24' })
    start(api, { podCidr: '10.60.0.0/23' })
    await addNode(api, 'new')
    await whenGiven(api, 'new')
    for (const name of ['chosen', 'twin', 'far']) await whenGiven(api, name)
    expect(await rangesOf(api)).toEqual({
      chosen: '10.60.0.0/25',
      twin: '10.60.0.0/25',
      far: '192.0.2.0/24',
      new: '10.60.1.0/24',
    })
    expect((await api.client.get(Kinds.Node, 'chosen')).spec?.podCIDRs).toEqual(['10.60.0.0/25'])
    for (const name of ['chosen', 'twin'])
      await eventually('the conflict', async () => (await reasons(api, name)).includes('CIDRConflict'))
    await eventually('the stray', async () => (await reasons(api, 'far')).includes('CIDROutOfRange'))
  })

  it('tells every node of a network that changed, and of annotations that somebody took away', async () => {
    const api = await startApi()
    const end = start(api)
    await addNode(api, 'a')
    const { spec } = await whenGiven(api, 'a')
    const annotations = { 'network.bowline.dev/pod-cidr': null }
    await api.client.patch(Kinds.Node, 'a', { type: 'merge', body: { metadata: { annotations } } })
    await whenGiven(api, 'a')
    await end()
    start(api, { clusterDomain: 'lan.example' })
    await eventually('the new domain', async () => {
      const node = await api.client.get(Kinds.Node, 'a')
      return nodeNetworkOf(node)?.clusterDomain === 'lan.example'
    })
    expect((await rangesOf(api)).a).toBe(spec?.podCIDR)
  })

  it.each([
    [{ podCidr: '10.42.0.0' }, 'it is no IPv4 range'],
    [{ serviceCidr: 'fd00::/108' }, 'it is no IPv4 range'],
    [{ podCidr: '10.42.0.0/25' }, 'it cannot be divided into parts of /24'],
    [{ podCidr: '10.0.0.0/8', nodeMaskSize: 25 }, 'it cannot be divided into parts of /25'],
    [{ nodeMaskSize: 31 }, 'it cannot be divided into parts of /31'],
  ])('refuses %j', async (options, why) => {
    const api = await startApi()
    expect(() => start(api, options)).toThrow(why)
  })
})
