import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loopbackAddress, ServiceProxy } from '../../../../src/agents/network/proxy/index.ts'
import type { PodSource, ProxyPlace } from '../../../../src/agents/network/proxy/service-proxy.ts'
import type { LocalPod } from '../../../../src/agents/network/services/index.ts'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { Informers } from '../../../../src/client/index.ts'
import { type Endpoint, type EndpointSlice, Kinds, type Service } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi, type TestApi } from '../../../cluster/api/test-api.ts'

const EVERYTHING: ProxyPlace = { scope: 'all', isLocalNode: () => true, reaches: () => true }

describe('ServiceProxy', () => {
  let api: TestApi
  let stop: AbortController
  let closers: (() => unknown)[]

  beforeEach(async () => {
    api = await startTestApi()
    stop = new AbortController()
    closers = []
  })
  afterEach(async () => {
    stop.abort()
    for (const close of closers.reverse()) await close()
    await api.close()
  })

  /** A proxy that runs until the end of the test. */
  function start(place: ProxyPlace, pods?: PodSource): { proxy: ServiceProxy; ended: Promise<unknown> } {
    const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
    const informers = new Informers(context)
    const [services, endpointSlices] = [informers.of(Kinds.Service), informers.of(Kinds.EndpointSlice)]
    const proxy = new ServiceProxy({ ...context, services, endpointSlices, pods })
    proxy.setPlace(place)
    const ended = Promise.all([informers.start(stop.signal), proxy.start(stop.signal)])
    closers.push(() => ended)
    return { proxy, ended }
  }

  /** A server that says a word to whoever connects, and ends unless it is to stay. Answers with its port. */
  async function backend(word: string, { stays = false } = {}): Promise<number> {
    const server = createServer(socket => (stays ? socket.write(word) : socket.end(word)))
    server.on('connection', socket => socket.on('error', () => {}))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    closers.push(() => server.close())
    return (server.address() as AddressInfo).port
  }

  async function createService(
    spec: Service['spec'],
    port: number,
    endpoints: readonly Endpoint[] = [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
  ): Promise<{ service: Service; slice: EndpointSlice }> {
    const service = await api.client.create(Kinds.Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { ports: [{ name: 'web', port: 18_080 }], ...spec },
    })
    const slice = await api.client.create(Kinds.EndpointSlice, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'web', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      ports: [{ name: 'web', port, protocol: 'TCP' }],
      endpoints: [...endpoints],
    })
    return { service, slice }
  }

  const ask = (host: string, port = 18_080) =>
    text(connect(port, host)).catch(error => (error as { code: string }).code)

  it('a service answers at the loopback address of its own, and at its port of the host, while a backend is ready', async () => {
    const { proxy } = start(EVERYTHING)
    const { service, slice } = await createService({ type: 'NodePort' }, await backend('hello'))
    const address = loopbackAddress(service.spec?.clusterIP ?? '')
    await eventually('the service to answer', async () => (await ask(address)) === 'hello')
    expect(address).toMatch(/^127\.43\./)
    expect(await ask('127.0.0.1', service.spec?.ports?.[0]?.nodePort)).toBe('hello')
    const endpoints = [{ addresses: ['127.0.0.1'], conditions: { ready: false } }]
    await api.client.update(Kinds.EndpointSlice, { ...slice, endpoints })
    await eventually('it to refuse', async () => (await ask(address)) === 'ECONNREFUSED')
    expect(proxy.listening).toEqual([])
  })

  it('endpoints that this host does not reach get nothing', async () => {
    const { proxy } = start({ ...EVERYTHING, reaches: ({ nodeName }) => nodeName === 'here' })
    const endpoint = (nodeName: string): Endpoint => ({
      addresses: ['127.0.0.1'],
      conditions: { ready: true },
      nodeName,
    })
    const { service, slice } = await createService({}, await backend('hello'), [endpoint('there')])
    const address = loopbackAddress(service.spec?.clusterIP ?? '')
    const other = await backend('here')
    await api.client.create(Kinds.EndpointSlice, {
      ...slice,
      metadata: { ...slice.metadata, name: 'web-2', resourceVersion: '', uid: '' },
      ports: [{ name: 'web', port: other, protocol: 'TCP' }],
      endpoints: [endpoint('here')],
    })
    await eventually('the service to answer', async () => (await ask(address)) === 'here')
    for (let request = 0; request < 20; request += 1) expect(await ask(address)).toBe('here')
    proxy.setPlace({ ...EVERYTHING, reaches: () => false })
    await eventually('it to refuse', async () => (await ask(address)) === 'ECONNREFUSED')
  })

  it('beside nftables it serves ports of the host, at 127.0.0.1 and at nothing else', async () => {
    const port = await backend('a pod')
    const portOf = (hostPort: number, hostIP?: string): LocalPod['ports'][number] => ({
      name: undefined,
      protocol: 'TCP',
      containerPort: port,
      hostPort,
      hostIP,
    })
    const pod: LocalPod = {
      namespace: 'default',
      name: 'web',
      address: '127.0.0.1',
      labels: {},
      ports: [
        portOf(18_081),
        portOf(18_082, '127.0.0.2'),
        portOf(18_083, '192.0.2.1'),
        portOf(18_084, '0.0.0.0'),
      ],
    }
    const { proxy } = start(
      { ...EVERYTHING, scope: 'loopback', isLocalNode: () => false },
      { needs: [], list: () => [pod], subscribe: () => () => {} },
    )
    // Its own host is not outside: it reaches pods of other hosts, too.
    const { service } = await createService({ type: 'NodePort', externalTrafficPolicy: 'Local' }, port)
    const nodePort = service.spec?.ports?.[0]?.nodePort
    await eventually('it to listen', () => proxy.listening.length === 4)
    expect(new Set(proxy.listening)).toEqual(
      new Set([
        `TCP 127.0.0.1:${nodePort}`,
        'TCP 127.0.0.1:18081',
        'TCP 127.0.0.2:18082',
        'TCP 127.0.0.1:18084',
      ]),
    )
    expect(await ask('127.0.0.1', nodePort)).toBe('a pod')
    expect(await ask('127.0.0.1', 18_081)).toBe('a pod')
    expect(await ask('127.0.0.2', 18_082)).toBe('a pod')
    expect(await ask('127.0.0.1', 18_082)).toBe('ECONNREFUSED')
  })

  it('connections end with it, so that nothing holds its process', async () => {
    const { ended } = start(EVERYTHING)
    const { service } = await createService({}, await backend('hello', { stays: true }))
    const address = loopbackAddress(service.spec?.clusterIP ?? '')
    const socket = await eventually('a connection', async () => {
      const tried = connect(18_080, address)
      const first = await Promise.race([
        once(tried, 'data').then(([data]) => String(data)),
        once(tried, 'close').then(() => undefined),
      ]).catch(() => undefined)
      return first === 'hello' && tried
    })
    const closed = once(socket, 'close')
    stop.abort()
    await ended
    await closed
  })
})

describe('loopbackAddress()', () => {
  it('gives services of one range addresses of their own, which neither pods nor the host have', () => {
    expect(loopbackAddress('10.43.1.2')).toBe('127.43.1.2')
    for (const first of ['10', '172', '192'])
      for (let base = 0; base < 256; base += 16) {
        // The second numbers of a /12, the largest range of services.
        const seconds = Array.from({ length: 16 }, (_, index) => base + index)
        const found = seconds.map(second => Number(loopbackAddress(`${first}.${second}.0.1`).split('.')[1]))
        expect(new Set(found).size).toBe(16)
        for (const second of found) {
          expect(second).toBeGreaterThan(0)
          expect(second).toBeLessThan(128)
        }
      }
  })
})
