import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Kinds, type NetworkPolicySpec, type Pod } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestCluster, type TestCluster } from '../../../cluster/controllers/test-cluster.ts'
import { type Host, NetLab, netLabAvailability, type Place } from '../support/net-lab.ts'
import { startTestRouter, TABLE, type TestRouter } from '../support/test-router.ts'

const availability = netLabAvailability()
const SILENT = { timeoutMs: 300 }

describe.skipIf(!availability.available)(`network policies on two hosts (${availability.reason})`, () => {
  let cluster: TestCluster
  let lab: NetLab
  let near: Host
  let far: Host
  let outsider: Place
  let web: Place
  let friend: Place
  let stranger: Place
  const routers: TestRouter[] = []

  beforeAll(async () => {
    cluster = await startTestCluster({ scheduler: false })
    lab = await NetLab.create()
    near = await lab.addHost()
    far = await lab.addHost()
    outsider = await lab.addOutsider()
    await outsider.exec('ip', 'route', 'add', '10.42.1.0/24', 'via', near.address)
    web = await near.addPod()
    friend = await far.addPod()
    stranger = await far.addPod()
    for (const [index, host] of lab.hosts.entries())
      routers.push(startTestRouter(cluster.api, host, `node-${index + 1}`))
    for (const place of [web, friend, stranger]) {
      await place.serve('TCP', 8080)
      await place.serve('TCP', 9090)
    }
    await addPod('web', web, 'node-1', { app: 'web' })
    await addPod('friend', friend, 'node-2', { role: 'friend' })
    await addPod('stranger', stranger, 'node-2', {})
  })
  afterAll(async () => {
    for (const router of routers) await router.stop()
    await lab?.destroy()
    await cluster?.close()
  })
  afterEach(async () => {
    for (const { metadata } of (await cluster.client.list(Kinds.NetworkPolicy)).items)
      await cluster.client.delete(Kinds.NetworkPolicy, metadata.name ?? '', { namespace: 'default' })
    await resolved()
  })

  async function addPod(
    name: string,
    place: Place,
    nodeName: string,
    labels: Record<string, string>,
  ): Promise<Pod> {
    await cluster.client.create(Kinds.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', labels },
      spec: {
        nodeName,
        containers: [
          {
            name: 'c',
            image: 'i',
            ports: [
              { name: 'main', containerPort: 8080 },
              { containerPort: 9090, hostPort: 39_090 },
            ],
          },
        ],
      },
    })
    return await cluster.client.patch(
      Kinds.Pod,
      name,
      { type: 'merge', body: { status: { phase: 'Running', podIP: place.address } } },
      { namespace: 'default', subresource: 'status' },
    )
  }

  /** Every policy is resolved as the world is now, and every host enforces it. */
  async function resolved(): Promise<void> {
    await eventually('the policies to be resolved', async () => {
      const names = async (kind: typeof Kinds.NetworkPolicy | typeof Kinds.PolicyEndpoints) =>
        (await cluster.client.list(kind as typeof Kinds.NetworkPolicy)).items
          .map(({ metadata }) => metadata.name)
          .join()
      return (await names(Kinds.NetworkPolicy)) === (await names(Kinds.PolicyEndpoints))
    })
    for (const router of routers) await router.caughtUp()
  }

  async function allow(name: string, spec: Partial<NetworkPolicySpec>): Promise<void> {
    await cluster.client.create(Kinds.NetworkPolicy, {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'NetworkPolicy',
      metadata: { name, namespace: 'default' },
      spec: { podSelector: { matchLabels: { app: 'web' } }, ...spec },
    })
    await resolved()
  }

  const reach = (from: Place, to: Place, port = 8080) => from.ask('TCP', to.address, port, SILENT)
  const silentFrom = async (from: Place, to: Place, port = 8080) =>
    expect(await reach(from, to, port)).toBe('silent')
  const answersFrom = async (from: Place, to: Place, port = 8080) =>
    expect(await from.ask('TCP', to.address, port)).toBe(`${to.name} ${from.address}`)

  it('without a policy everybody reaches everybody', async () => {
    await answersFrom(stranger, web)
    await answersFrom(web, stranger)
  })

  it('default deny lets nobody in but the node itself, and the isolated pod out with its answers', async () => {
    await allow('deny', {})
    await silentFrom(friend, web)
    await silentFrom(outsider, web)
    expect(await near.ask('TCP', web.address, 8080)).toBe(`${web.name} ${near.podGateway}`)
    await answersFrom(web, friend)
  })

  it('policies add up: each by peers and ports', async () => {
    await allow('friends', {
      ingress: [{ from: [{ podSelector: { matchLabels: { role: 'friend' } } }], ports: [{ port: 'main' }] }],
    })
    await answersFrom(friend, web)
    await silentFrom(friend, web, 9090)
    await silentFrom(stranger, web)
    await allow('range', { ingress: [{ ports: [{ port: 9000, endPort: 9100 }] }] })
    await answersFrom(friend, web)
    await answersFrom(stranger, web, 9090)
    await silentFrom(stranger, web)
  })

  it('names of any length are policies of their own', async () => {
    const from = (matchExpressions: object[], port: number): Partial<NetworkPolicySpec> => ({
      ingress: [{ from: [{ podSelector: { matchExpressions } }], ports: [{ port }] } as never],
    })
    const long = 'long.'.repeat(50)
    await allow(`${long}one`, from([{ key: 'role', operator: 'Exists' }], 8080))
    await allow(`${long}two`, from([{ key: 'role', operator: 'DoesNotExist' }], 9090))
    await answersFrom(friend, web)
    await silentFrom(stranger, web)
    await answersFrom(stranger, web, 9090)
    await silentFrom(friend, web, 9090)
  })

  it('a pod that becomes a peer is let in, and one that no longer is is not', async () => {
    await allow('friends', { ingress: [{ from: [{ podSelector: { matchLabels: { role: 'friend' } } }] }] })
    await silentFrom(stranger, web)
    const relabel = (role: string | null) =>
      cluster.client.patch(
        Kinds.Pod,
        'stranger',
        { type: 'merge', body: { metadata: { labels: { role } } } },
        { namespace: 'default' },
      )
    await relabel('friend')
    await eventually('the new friend to be let in', async () =>
      (await reach(stranger, web)).startsWith(web.name),
    )
    await relabel(null)
    await eventually(
      'the former friend to be kept out',
      async () => (await reach(stranger, web)) === 'silent',
    )
  })

  it('networks are allowed but for their exceptions, whatever bits they are written with', async () => {
    await allow('networks', {
      ingress: [
        { from: [{ ipBlock: { cidr: '10.200.0.0/24', except: ['10.200.0.64/26'] } }] },
        { from: [{ ipBlock: { cidr: '10.42.2.0/24', except: [`${stranger.address}/32`] } }] },
      ],
    })
    await answersFrom(friend, web)
    await silentFrom(stranger, web)
    await silentFrom(outsider, web)
    await allow('everywhere', { ingress: [{ from: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }] })
    await answersFrom(outsider, web)
  })

  it('egress policies hold for what a service leads to, and never for the own node', async () => {
    const service = await cluster.client.create(Kinds.Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'friends', namespace: 'default' },
      spec: { ports: [{ name: 'x', port: 80, targetPort: 8080 }] },
    })
    await cluster.client.create(Kinds.EndpointSlice, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: 'friends',
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'friends' },
      },
      addressType: 'IPv4',
      ports: [{ name: 'x', port: 8080, protocol: 'TCP' }],
      endpoints: [{ addresses: [friend.address], nodeName: 'node-2' }],
    })
    await near.serve('TCP', 7070)
    await allow('nothing', { policyTypes: ['Egress'] })
    const address = service.spec?.clusterIP ?? ''
    expect(await web.ask('TCP', address, 80, SILENT)).toBe('silent')
    await silentFrom(web, outsider, 7000)
    expect(await web.ask('TCP', near.podGateway, 7070)).toBe(`${near.name} ${web.address}`)
    await answersFrom(stranger, web)
    await allow('friends', {
      policyTypes: ['Egress'],
      egress: [{ to: [{ podSelector: { matchLabels: { role: 'friend' } } }], ports: [{ port: 'main' }] }],
    })
    expect(await web.ask('TCP', address, 80)).toBe(`${friend.name} ${web.address}`)
    await silentFrom(web, friend, 9090)
    await silentFrom(web, stranger)
  })

  it('policies hold for ports of the host', async () => {
    expect(await outsider.ask('TCP', near.address, 39_090)).toBe(`${web.name} ${outsider.address}`)
    await allow('deny', {})
    expect(await outsider.ask('TCP', near.address, 39_090, SILENT)).toBe('silent')
  })

  it('a pod that is about to run is isolated before the API knows its address', async () => {
    await allow('late', { podSelector: { matchLabels: { app: 'late' } } })
    const late = await near.addPod()
    await late.serve('TCP', 8080)
    await answersFrom(friend, late)
    const pod = await cluster.client.create(Kinds.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'late', namespace: 'default', labels: { app: 'late' } },
      spec: { nodeName: 'node-1', containers: [{ name: 'c', image: 'i' }] },
    })
    const [router] = routers
    expect(router?.pods.admit(pod, late.address)).toBe(true)
    await router?.router.settled()
    await silentFrom(friend, late)
    expect(router?.pods.admit({ ...pod, metadata: { ...pod.metadata, labels: {} } }, late.address)).toBe(
      false,
    )
  })

  it('a peer more or less is one element, and leaves chains as they are', async () => {
    await allow('friends', { ingress: [{ from: [{ podSelector: { matchLabels: { role: 'friend' } } }] }] })
    const chains = async () => (await near.exec('nft', 'list', 'chains', 'ip')).match(/chain \S+/g)
    const before = await chains()
    await addPod('another', { address: '10.42.2.77' } as Place, 'node-2', { role: 'friend' })
    await eventually('the peer to be known', async () =>
      (await near.exec('nft', 'list', 'table', 'ip', TABLE)).includes('10.42.2.77'),
    )
    expect(await chains()).toEqual(before)
  })
})
