import { afterEach, describe, expect, it } from 'vitest'
import { parseSubnet, type Subnet } from '../../../../src/base/index.ts'
import { Kinds, type Service, type ServiceSpec } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi, type TestApiOptions } from '../test-api.ts'

const PORTS = [{ port: 80 }]

describe('ServiceAllocator', () => {
  let api: TestApi

  afterEach(() => api.close())

  async function start(options: TestApiOptions = {}): Promise<void> {
    api = await startTestApi(options)
  }

  function body(name: string, spec: object): Service {
    return {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { ports: PORTS, ...spec },
    } as Service
  }

  async function create(name: string, spec: object = {}, dryRun = false): Promise<ServiceSpec> {
    return (await api.client.create(Kinds.Service, body(name, spec), { dryRun })).spec as ServiceSpec
  }

  async function patch(name: string, spec: object): Promise<ServiceSpec> {
    const change = { type: 'merge', body: { spec } } as const
    return (await api.client.patch(Kinds.Service, name, change, { namespace: 'default' })).spec as ServiceSpec
  }

  it('gives each Service an address of the range, the upper part first, and the families', async () => {
    await start()
    const spec = await create('web')
    expect(spec).toMatchObject({ ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' })
    expect(spec.clusterIPs).toEqual([spec.clusterIP])
    const [, , third, fourth] = (spec.clusterIP ?? '').split('.').map(Number)
    expect(spec.clusterIP).toMatch(/^10\.43\./)
    expect((third ?? 0) * 256 + (fourth ?? 0)).toBeGreaterThan(256)
  })

  it('gives none to headless and external ones', async () => {
    await start()
    expect(await create('headless', { clusterIP: 'None', selector: { app: 'a' } })).toMatchObject({
      clusterIPs: ['None'],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
    })
    // What has neither address nor selector may have endpoints of any family.
    expect(await create('endpoints', { clusterIP: 'None' })).toMatchObject({
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: 'RequireDualStack',
    })
    const external = await create('external', {
      type: 'ExternalName',
      externalName: 'example.com',
      ports: [],
    })
    expect(external).not.toHaveProperty('clusterIP')
    expect(external).not.toHaveProperty('ipFamilies')
  })

  it('gives the address that is asked for, when it is free and in the range', async () => {
    await start()
    expect((await create('a', { clusterIP: '10.43.0.9' })).clusterIP).toBe('10.43.0.9')
    await expect(create('b', { clusterIP: '10.43.0.9' })).rejects.toMatchObject({
      code: 422,
      message:
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.43.0.9"]: failed to allocate IP 10.43.0.9: provided IP is already allocated',
    })
    for (const address of ['10.44.0.1', '10.43.0.0', '10.43.255.255'])
      await expect(create('b', { clusterIP: address })).rejects.toThrow(
        `failed to allocate IP ${address}: the provided IP (${address}) is not in the valid range. The range of valid IPs is 10.43.0.0/16`,
      )
    await expect(create('b', { clusterIP: 'fd00::1' })).rejects.toThrow(
      'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
    )
    // What is there is there, whatever it asks for.
    await expect(create('a', { clusterIP: '10.43.0.9' })).rejects.toMatchObject({ reason: 'AlreadyExists' })
  })

  it.each([
    [
      { ipFamilyPolicy: 'RequireDualStack' },
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    ],
    [{ ipFamilies: ['IPv6'] }, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
    [
      { ipFamilies: ['IPv4', 'IPv6'] },
      "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
    ],
  ])('refuses %o in a cluster of IPv4 alone', async (given, message) => {
    await start()
    await expect(create('web', given)).rejects.toThrow(message)
    expect(await create('web', { ipFamilyPolicy: 'PreferDualStack' })).toMatchObject({ ipFamilies: ['IPv4'] })
  })

  it('gives what is freed again, and to the same name the same address', async () => {
    await start({ serviceCidr: parseSubnet('10.43.0.0/28') as Subnet })
    const { clusterIP } = await create('web')
    await api.client.delete(Kinds.Service, 'web', { namespace: 'default' })
    expect((await create('web')).clusterIP).toBe(clusterIP)
    await patch('web', { type: 'ExternalName', externalName: 'example.com' })
    expect((await create('other', { clusterIP })).clusterIP).toBe(clusterIP)
    const again = await patch('web', { type: 'ClusterIP', externalName: null })
    expect(again.clusterIP).toMatch(/^10\.43\.0\.\d+$/)
    expect(again.clusterIP).not.toBe(clusterIP)
  })

  it('never gives one thing to two, however many ask at once, and says when nothing is left', async () => {
    await start({ serviceCidr: parseSubnet('10.43.0.0/27') as Subnet })
    const results = await Promise.allSettled(
      Array.from({ length: 40 }, (_, index) => create(`web-${index}`, { type: 'NodePort' })),
    )
    const specs = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    // 30 addresses, of which the first is the API's own.
    expect(specs).toHaveLength(29)
    expect(new Set(specs.map(({ clusterIP }) => clusterIP)).size).toBe(29)
    expect(new Set(specs.map(({ ports }) => ports?.[0]?.nodePort)).size).toBe(29)
    const refused = results.find(result => result.status === 'rejected')
    expect(refused?.reason).toMatchObject({
      code: 500,
      message: 'Internal error occurred: failed to allocate a serviceIP: range is full',
    })
    const ports = specs.map(({ ports }) => ports?.[0]?.nodePort ?? 0)
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(30_086)
    expect(Math.max(...ports)).toBeLessThanOrEqual(32_767)
  })

  it('lets one of many have the address that all ask for', async () => {
    await start()
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => create(`web-${index}`, { clusterIP: '10.43.0.9' })),
    )
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('knows after a restart what was given', async () => {
    await start()
    const { clusterIP, ports } = await create('web', { type: 'NodePort' })
    const nodePort = ports?.[0]?.nodePort
    await api.restart()
    await expect(create('b', { clusterIP })).rejects.toThrow('provided IP is already allocated')
    await expect(create('b', { type: 'NodePort', ports: [{ port: 80, nodePort }] })).rejects.toThrow(
      `Service "b" is invalid: spec.ports[0].nodePort: Invalid value: ${nodePort}: provided port is already allocated`,
    )
  })

  it('holds nothing for a dry run or a write that is refused', async () => {
    await start()
    const asked = { type: 'NodePort', clusterIP: '10.43.0.9', ports: [{ port: 80, nodePort: 30_000 }] }
    expect(await create('web', asked, true)).toMatchObject({ clusterIP: '10.43.0.9' })
    await expect(create('web', { ...asked, trafficDistribution: 'Near' })).rejects.toThrow(
      'trafficDistribution',
    )
    const predicted = await create('other', {}, true)
    expect(await create('web', asked)).toMatchObject({ clusterIP: '10.43.0.9' })
    // A dry run tells what the write gets.
    expect((await create('other')).clusterIP).toBe(predicted.clusterIP)
  })

  it('keeps what a Service has through an update that does not name it', async () => {
    await start()
    const before = await create('web', { type: 'NodePort' })
    const replaced = await api.client.update(
      Kinds.Service,
      body('web', { type: 'NodePort', selector: { app: 'new' } }),
    )
    expect(replaced.spec).toMatchObject({ clusterIP: before.clusterIP, ports: before.ports ?? [] })
    await expect(patch('web', { clusterIP: '10.43.0.9' })).rejects.toMatchObject({
      code: 422,
      message:
        'Service "web" is invalid: spec.clusterIPs[0]: Invalid value: ["10.43.0.9"]: may not change once set',
    })
    // And the address that was refused is free.
    expect((await create('b', { clusterIP: '10.43.0.9' })).clusterIP).toBe('10.43.0.9')
  })

  it('gives ports of the nodes with a change of type, and takes them back', async () => {
    await start()
    await create('web')
    const { ports } = await patch('web', { type: 'NodePort' })
    const nodePort = ports?.[0]?.nodePort
    expect(nodePort).toBeGreaterThanOrEqual(30_086)
    expect((await patch('web', { type: 'ClusterIP' })).ports).toEqual([
      { port: 80, protocol: 'TCP', targetPort: 80 },
    ])
    const other = await create('other', { type: 'NodePort', ports: [{ port: 80, nodePort }] })
    expect(other.ports?.[0]?.nodePort).toBe(nodePort)
  })

  it('gives TCP and UDP of one port the same number, and one that is asked for to both', async () => {
    await start()
    const dns = (extra: object): object => ({
      type: 'NodePort',
      ports: [
        { name: 'tcp', port: 53 },
        { name: 'udp', port: 53, protocol: 'UDP', ...extra },
        { name: 'web', port: 80 },
      ],
    })
    const [tcp, udp, web] = (await create('dns', dns({}))).ports ?? []
    expect(tcp?.nodePort).toBe(udp?.nodePort)
    expect(web?.nodePort).not.toBe(tcp?.nodePort)
    const asked = (await create('asked', dns({ nodePort: 30_053 }))).ports ?? []
    expect(asked.map(({ nodePort }) => nodePort).slice(0, 2)).toEqual([30_053, 30_053])
    await expect(create('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 80 }] })).rejects.toThrow(
      'provided port is not in the valid range. The range of valid ports is 30000-32767',
    )
  })

  it('gives a load balancer a port for health checks under the policy Local, and none of the nodes where it wants none', async () => {
    await start()
    const local = await create('local', { type: 'LoadBalancer', externalTrafficPolicy: 'Local' })
    expect(local.healthCheckNodePort).toBeGreaterThanOrEqual(30_086)
    expect(local.healthCheckNodePort).not.toBe(local.ports?.[0]?.nodePort)
    const asked = { type: 'NodePort', ports: [{ port: 80, nodePort: local.healthCheckNodePort }] }
    await expect(create('b', asked)).rejects.toThrow('provided port is already allocated')
    expect(await patch('local', { externalTrafficPolicy: 'Cluster' })).not.toHaveProperty(
      'healthCheckNodePort',
    )
    expect((await create('b', asked)).ports?.[0]?.nodePort).toBe(local.healthCheckNodePort)

    const without = await create('without', { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false })
    expect(without.ports?.[0]).not.toHaveProperty('nodePort')
  })

  it('lets a server-side apply leave all of it to the server, again and again', async () => {
    await start()
    const apply = async (spec: object): Promise<Service> =>
      api.client.patch(
        Kinds.Service,
        'web',
        { type: 'apply', body: body('web', spec), force: true },
        { namespace: 'default', fieldManager: 'git' },
      )
    const first = await apply({ type: 'NodePort' })
    const again = await apply({ type: 'NodePort' })
    expect(again.metadata.resourceVersion).toBe(first.metadata.resourceVersion)
    const renamed = await apply({ type: 'NodePort', ports: [{ port: 80, name: 'http' }] })
    expect(renamed.spec?.ports?.[0]?.nodePort).toBe(first.spec?.ports?.[0]?.nodePort)
    const inside = await apply({ type: 'ClusterIP' })
    expect(inside.spec?.ports).toEqual([{ port: 80, protocol: 'TCP', targetPort: 80 }])
    expect(inside.spec?.clusterIP).toBe(first.spec?.clusterIP)
  })
})
