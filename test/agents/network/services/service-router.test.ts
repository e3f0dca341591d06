import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EndpointSlice, Kinds, type Service, type ServiceSpec } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi, type TestApi } from '../../../cluster/api/test-api.ts'
import { type Host, NetLab, netLabAvailability, type Place } from '../support/net-lab.ts'
import { startTestRouter, TABLE, type TestRouter } from '../support/test-router.ts'

const availability = netLabAvailability()

describe.skipIf(!availability.available)(`services on two hosts (${availability.reason})`, () => {
  let api: TestApi
  let lab: NetLab
  let near: Host
  let far: Host
  let outsider: Place
  /** On the near host. */
  let client: Place
  let nearBackend: Place
  /** On the far host. */
  let farBackend: Place
  let farSecond: Place
  const agents: TestRouter[] = []

  beforeAll(async () => {
    api = await startTestApi({ serviceExternalIPs: [{ base: 0, prefix: 0 }] })
    lab = await NetLab.create()
    near = await lab.addHost()
    far = await lab.addHost()
    outsider = await lab.addOutsider()
    client = await near.addPod()
    nearBackend = await near.addPod()
    farBackend = await far.addPod()
    farSecond = await far.addPod()
    for (const pod of [nearBackend, farBackend, farSecond]) {
      await pod.serve('TCP', 8080)
      await pod.serve('UDP', 8080)
    }
    for (const [index, host] of lab.hosts.entries())
      agents.push(startTestRouter(api, host, `node-${index + 1}`))
  })

  afterAll(async () => {
    for (const agent of agents) await agent.stop()
    await lab?.destroy()
    await api?.close()
  })

  /** A service with endpoints at these pods. */
  async function serve(name: string, spec: Partial<ServiceSpec>, pods: readonly Place[]): Promise<Service> {
    const service = await api.client.create(Kinds.Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { ports: [{ name: 'web', port: 80, targetPort: 8080, protocol: 'TCP' }], ...spec },
    })
    await api.client.create(Kinds.EndpointSlice, sliceOf(name, pods))
    await everywhere()
    return service
  }

  function sliceOf(
    name: string,
    pods: readonly Place[],
    conditions: object = { ready: true },
  ): EndpointSlice {
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: {
        name: `${name}-1`,
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': name },
      },
      addressType: 'IPv4',
      ports: [
        { name: 'web', port: 8080, protocol: 'TCP' },
        { name: 'udp', port: 8080, protocol: 'UDP' },
      ],
      endpoints: pods.map(pod => ({
        addresses: [pod.address],
        conditions,
        nodeName: near.pods.includes(pod) ? 'node-1' : 'node-2',
      })),
    }
  }

  async function reslice(name: string, pods: readonly Place[], conditions?: object): Promise<void> {
    const current = await api.client.get(Kinds.EndpointSlice, `${name}-1`, { namespace: 'default' })
    await api.client.update(Kinds.EndpointSlice, {
      ...sliceOf(name, pods, conditions),
      metadata: current.metadata,
    })
    await everywhere()
  }

  /** Every agent has seen and loaded what was written last. */
  async function everywhere(): Promise<void> {
    for (const agent of agents) await agent.caughtUp()
  }

  /** Who answered in some requests, and what sources they saw. */
  async function answers(from: Place, host: string, port: number, count = 12) {
    const seen = new Set<string>()
    const sources = new Set<string>()
    for (let request = 0; request < count; request += 1) {
      const [server = '', source = ''] = (await from.ask('TCP', host, port)).split(' ')
      seen.add(server)
      sources.add(source)
    }
    return { servers: [...seen].sort(), sources: [...sources] }
  }

  it('a ClusterIP reaches every ready backend on every host, and backends see the client', async () => {
    const { spec } = await serve('plain', {}, [nearBackend, farBackend])
    expect(await answers(client, spec?.clusterIP ?? '', 80, 30)).toEqual({
      servers: [nearBackend.name, farBackend.name].sort(),
      sources: [client.address],
    })
  })

  it('a process of the host reaches a ClusterIP', async () => {
    const { spec } = await serve('from-host', {}, [nearBackend, farBackend])
    const { servers, sources } = await answers(near, spec?.clusterIP ?? '', 80, 30)
    expect(servers).toEqual([nearBackend.name, farBackend.name].sort())
    expect(sources).toEqual([near.podGateway])
  })

  it('a pod reaches itself through its service', async () => {
    const { spec } = await serve('hairpin', {}, [nearBackend])
    expect(await nearBackend.ask('TCP', spec?.clusterIP ?? '', 80)).toContain(nearBackend.name)
  })

  it('a service without backends refuses TCP and UDP', async () => {
    const ports = [
      { name: 'web', port: 80, protocol: 'TCP' as const },
      { name: 'udp', port: 80, protocol: 'UDP' as const },
    ]
    const { spec } = await serve('empty', { type: 'NodePort', ports }, [])
    const address = spec?.clusterIP ?? ''
    expect(await client.ask('TCP', address, 80)).toBe('refused')
    expect(await client.ask('UDP', address, 80)).toBe('refused')
    expect(await near.ask('TCP', address, 80)).toBe('refused')
    expect(await outsider.ask('TCP', near.address, spec?.ports?.[0]?.nodePort ?? 0)).toBe('refused')
  })

  it('a port that a service does not have is refused, an address of no service is silent', async () => {
    const { spec } = await serve('one-port', {}, [nearBackend])
    expect(await client.ask('TCP', spec?.clusterIP ?? '', 81)).toBe('refused')
    expect(await near.ask('TCP', spec?.clusterIP ?? '', 81)).toBe('refused')
    expect(await client.ask('TCP', '10.43.255.250', 80, { timeoutMs: 300 })).toBe('silent')
  })

  it('a backend that is not ready gets nothing; one that ends serves while no other does', async () => {
    const { spec } = await serve('readiness', {}, [nearBackend, farBackend])
    const address = spec?.clusterIP ?? ''
    await reslice('readiness', [nearBackend], { ready: false })
    expect(await client.ask('TCP', address, 80)).toBe('refused')
    await reslice('readiness', [farBackend], { ready: false, serving: true, terminating: true })
    expect((await answers(client, address, 80, 3)).servers).toEqual([farBackend.name])
  })

  it('a NodePort answers on every host; only what is handed to another host loses its source', async () => {
    const { spec } = await serve('node-port', { type: 'NodePort' }, [nearBackend, farBackend])
    const port = spec?.ports?.[0]?.nodePort ?? 0
    const seen = new Map<string, string>()
    for (let request = 0; request < 30; request += 1) {
      const [server = '', source = ''] = (await outsider.ask('TCP', near.address, port)).split(' ')
      seen.set(server, source)
    }
    expect(seen).toEqual(
      new Map([
        [nearBackend.name, outsider.address],
        [farBackend.name, near.address],
      ]),
    )
    expect((await answers(near, near.address, port)).servers).toContain(farBackend.name)
    expect((await answers(client, far.address, port)).servers).toContain(nearBackend.name)
  })

  it('externalTrafficPolicy Local keeps the source, drops where the host has no backend, and does not bind the cluster', async () => {
    const { spec } = await serve('local', { type: 'NodePort', externalTrafficPolicy: 'Local' }, [farBackend])
    const port = spec?.ports?.[0]?.nodePort ?? 0
    expect(await answers(outsider, far.address, port, 3)).toEqual({
      servers: [farBackend.name],
      sources: [outsider.address],
    })
    expect(await outsider.ask('TCP', near.address, port, { timeoutMs: 300 })).toBe('silent')
    expect((await answers(client, near.address, port, 2)).servers).toEqual([farBackend.name])
    expect((await answers(near, near.address, port, 2)).servers).toEqual([farBackend.name])
    expect((await answers(client, spec?.clusterIP ?? '', 80, 2)).servers).toEqual([farBackend.name])
  })

  it('internalTrafficPolicy Local stays on the host, and is silent where it has no backend', async () => {
    const { spec } = await serve('internal', { internalTrafficPolicy: 'Local' }, [nearBackend, farBackend])
    const address = spec?.clusterIP ?? ''
    expect((await answers(client, address, 80)).servers).toEqual([nearBackend.name])
    await reslice('internal', [farBackend])
    expect(await client.ask('TCP', address, 80, { timeoutMs: 300 })).toBe('silent')
  })

  it('a load balancer address and an external IP lead to the service, the former only for its source ranges', async () => {
    const service = await serve(
      'balanced',
      {
        type: 'LoadBalancer',
        externalIPs: ['10.200.0.50'],
        loadBalancerSourceRanges: ['10.200.0.99/32', '10.200.0.0/26'],
      },
      [nearBackend],
    )
    await api.client.update(
      Kinds.Service,
      { ...service, status: { loadBalancer: { ingress: [{ ip: near.address }] } } },
      { subresource: 'status' },
    )
    await everywhere()
    expect(await outsider.ask('TCP', near.address, 80)).toBe(`${nearBackend.name} ${outsider.address}`)
    expect(await client.ask('TCP', near.address, 80, { timeoutMs: 300 })).toBe('silent')
    await outsider.exec('ip', 'route', 'add', '10.200.0.50/32', 'via', far.address)
    expect(await outsider.ask('TCP', '10.200.0.50', 80)).toBe(`${nearBackend.name} ${far.address}`)
  })

  it('what a program of the host listens at stays its own, and other addresses are not its own', async () => {
    const node = agents[0]?.listeners
    await near.serve('TCP', 2222)
    await near.serve('TCP', 2223, near.podGateway)
    const ports = [2222, 2223, 2224].map(port => ({ name: `p${port}`, port, targetPort: 8080 }))
    const service = await serve('greedy', { type: 'LoadBalancer', ports }, [])
    const slice = await api.client.get(Kinds.EndpointSlice, 'greedy-1', { namespace: 'default' })
    await api.client.update(
      Kinds.Service,
      { ...service, status: { loadBalancer: { ingress: [{ ip: near.address }] } } },
      { subresource: 'status' },
    )
    await everywhere()
    expect(await outsider.ask('TCP', near.address, 2222)).toContain(near.name)
    expect(await outsider.ask('TCP', near.address, 2224)).toBe('refused')
    await api.client.update(Kinds.EndpointSlice, {
      ...slice,
      ports: ports.map(({ name }) => ({ name, port: 8080 })),
      endpoints: [{ addresses: [nearBackend.address], conditions: { ready: true }, nodeName: 'node-1' }],
    })
    await everywhere()
    expect(await outsider.ask('TCP', near.address, 2222)).toContain(near.name)
    expect(await outsider.ask('TCP', near.address, 2223)).toContain(nearBackend.name)
    expect(await outsider.ask('TCP', near.address, 2224)).toContain(nearBackend.name)
    expect(await client.ask('TCP', service.spec?.clusterIP ?? '', 2222)).toContain(nearBackend.name)
    expect(await node?.holderOf({ protocol: 'TCP', port: 2222, address: undefined })).toBeDefined()
    expect(await node?.holderOf({ protocol: 'TCP', port: 2223, address: near.address })).toBeUndefined()
    expect(await node?.holderOf({ protocol: 'TCP', port: 2224, address: undefined })).toBeUndefined()
  })

  it('session affinity keeps a client at its backend while others come and go', async () => {
    const { spec } = await serve(
      'affine',
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 600 } } },
      [nearBackend, farBackend],
    )
    const address = spec?.clusterIP ?? ''
    const { servers } = await answers(client, address, 80)
    expect(servers).toHaveLength(1)
    const other = servers[0] === farBackend.name ? nearBackend : farBackend
    await reslice('affine', [nearBackend, farBackend, farSecond])
    expect((await answers(client, address, 80)).servers).toEqual(servers)
    await reslice('affine', [other, farSecond])
    const moved = await answers(client, address, 80)
    expect(moved.servers).toHaveLength(1)
    expect(moved.servers).not.toEqual(servers)
  })

  it('one port may serve TCP and UDP; a UDP flow leaves a backend that is gone', async () => {
    const ports = [
      { name: 'web', port: 53, protocol: 'TCP' as const },
      { name: 'udp', port: 53, protocol: 'UDP' as const },
    ]
    const { spec } = await serve('both', { ports }, [farBackend])
    const address = spec?.clusterIP ?? ''
    expect(await client.ask('TCP', address, 53)).toBe(`${farBackend.name} ${client.address}`)
    expect(await client.ask('UDP', address, 53, { flow: 'f' })).toBe(`${farBackend.name} ${client.address}`)
    await reslice('both', [farSecond])
    await eventually('the flow to move', async () =>
      (await client.ask('UDP', address, 53, { flow: 'f' })).startsWith(farSecond.name),
    )
  })

  it('a question to the DNS address of a host is lost while nobody listens there, not refused', async () => {
    const address = near.podGateway
    expect(await client.ask('UDP', address, 53, { timeoutMs: 500 })).toBe('silent')
    expect(await client.ask('UDP', address, 54)).toBe('refused')
    await near.serve('UDP', 53, address)
    expect(await client.ask('UDP', address, 53)).toBe(`${near.name} ${client.address}`)
  })

  it('pods leave the cluster with the address of their host', async () => {
    await outsider.serve('TCP', 7000)
    expect(await client.ask('TCP', outsider.address, 7000)).toBe(`${outsider.name} ${near.address}`)
  })

  it('a service that is deleted is silent', async () => {
    const { spec } = await serve('gone', {}, [nearBackend])
    await api.client.delete(Kinds.Service, 'gone', { namespace: 'default' })
    await everywhere()
    expect(await client.ask('TCP', spec?.clusterIP ?? '', 80, { timeoutMs: 300 })).toBe('silent')
  })

  it('an agent that starts again changes nothing of a table that is right, and mends what changed meanwhile', async () => {
    const { spec } = await serve('kept', { sessionAffinity: 'ClientIP' }, [nearBackend])
    const plain = await serve('kept-plain', {}, [nearBackend])
    await everywhere()
    await agents[0]?.stop()
    const before = await near.exec('nft', '--handle', 'list', 'table', 'ip', TABLE)
    agents[0] = startTestRouter(api, near, 'node-1')
    await agents[0].caughtUp()
    expect(withoutClients(await near.exec('nft', '--handle', 'list', 'table', 'ip', TABLE))).toBe(
      withoutClients(before),
    )
    await agents[0].stop()
    expect(await client.ask('TCP', spec?.clusterIP ?? '', 80)).toContain(nearBackend.name)
    const slice = await api.client.get(Kinds.EndpointSlice, 'kept-plain-1', { namespace: 'default' })
    await api.client.update(Kinds.EndpointSlice, {
      ...sliceOf('kept-plain', [farBackend]),
      metadata: slice.metadata,
    })
    agents[0] = startTestRouter(api, near, 'node-1')
    await agents[0].caughtUp()
    expect(await client.ask('TCP', plain.spec?.clusterIP ?? '', 80)).toContain(farBackend.name)
  })

  it('another number of backends changes the table and does not make it anew', async () => {
    const handle = async () =>
      /# handle (\d+)/.exec(await near.exec('nft', '--handle', 'list', 'table', 'ip', TABLE))?.[1]
    const { spec } = await serve('growing', {}, [nearBackend])
    const before = await handle()
    for (const pods of [
      [nearBackend, farBackend],
      [nearBackend, farBackend, farSecond],
    ]) {
      await reslice('growing', pods)
      const { servers } = await answers(client, spec?.clusterIP ?? '', 80, 60)
      expect(servers).toEqual(pods.map(({ name }) => name).sort())
    }
    expect(await handle()).toBe(before)
  })

  it('what others did to the table is put right with the next change', async () => {
    const { spec } = await serve('mended', {}, [nearBackend])
    await near.exec('nft', 'flush', 'map', 'ip', TABLE, 'backends')
    await reslice('mended', [farBackend])
    expect((await answers(client, spec?.clusterIP ?? '', 80, 2)).servers).toEqual([farBackend.name])
  })

  it('no port of a pod and no address of a service takes the names of a node from its pods', async () => {
    const own = `${far.name} ${farSecond.address}`
    await far.serve('TCP', 53, far.podGateway)
    await far.serve('UDP', 53, far.podGateway)
    const ports = (['TCP', 'UDP'] as const).map(protocol => ({ protocol, containerPort: 8080, hostPort: 53 }))
    await api.client.create(Kinds.Pod, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'names', namespace: 'default' },
      spec: { nodeName: 'node-2', containers: [{ name: 'c', image: 'i', ports }] },
    })
    const body = { status: { phase: 'Running', podIP: farBackend.address } }
    const where = { namespace: 'default', subresource: 'status' }
    await api.client.patch(Kinds.Pod, 'names', { type: 'merge', body }, where)
    await everywhere()
    // The host's other addresses have the port, as the pod asks for.
    expect(await client.ask('UDP', far.address, 53)).toContain(farBackend.name)
    expect(await farSecond.ask('UDP', far.podGateway, 53)).toBe(own)
    expect(await farSecond.ask('TCP', far.podGateway, 53)).toBe(own)
    const servicePorts = (['TCP', 'UDP'] as const).map(protocol => ({
      name: protocol === 'TCP' ? 'web' : 'udp',
      port: 53,
      targetPort: 8080,
      protocol,
    }))
    const external = { externalIPs: [far.podGateway], ports: servicePorts }
    await serve('names', external, [nearBackend])
    expect(await farSecond.ask('UDP', far.podGateway, 53)).toBe(own)
    expect(await farSecond.ask('TCP', far.podGateway, 53)).toBe(own)
    await reslice('names', [])
    expect(await farSecond.ask('UDP', far.podGateway, 53)).toBe(own)
  })
})

/** What traffic put into sets of clients changes by itself. */
function withoutClients(listing: string): string {
  return listing.replace(/elements = \{[^}]*expires[^}]*\}/g, '')
}
