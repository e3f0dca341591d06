import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it } from 'vitest'
import { loopbackAddress, ServiceProxy } from '../../../../src/agents/network/proxy/index.ts'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { Informers } from '../../../../src/client/index.ts'
import { Kinds } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi } from '../../../cluster/api/test-api.ts'

describe('ServiceProxy', () => {
  it('a service answers at the loopback address of its own, and at its port of the host, while a backend is ready', async () => {
    const api = await startTestApi()
    const stop = new AbortController()
    const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
    const informers = new Informers(context)
    const proxy = new ServiceProxy(
      {
        ...context,
        services: informers.of(Kinds.Service),
        endpointSlices: informers.of(Kinds.EndpointSlice),
        pods: undefined,
      },
      { scope: 'all', isLocalNode: () => true, reaches: () => true },
    )
    const running = [informers.start(stop.signal), proxy.start(stop.signal)]
    const backend = createServer(socket => socket.end('hello')).listen(0, '127.0.0.1')
    await once(backend, 'listening')
    try {
      const { spec } = await api.client.create(Kinds.Service, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'default' },
        spec: { type: 'NodePort', ports: [{ name: 'web', port: 18_080 }] },
      })
      const address = loopbackAddress(spec?.clusterIP ?? '')
      const ask = (host: string, port: number) =>
        text(connect(port, host)).catch(error => (error as { code: string }).code)
      const slice = await api.client.create(Kinds.EndpointSlice, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'web', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
        addressType: 'IPv4',
        ports: [{ name: 'web', port: (backend.address() as AddressInfo).port, protocol: 'TCP' }],
        endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
      })
      await eventually('the service to answer', async () => (await ask(address, 18_080)) === 'hello')
      expect(address).toMatch(/^127\.43\./)
      await eventually(
        'its node port to answer',
        async () => (await ask('127.0.0.1', spec?.ports?.[0]?.nodePort ?? 0)) === 'hello',
      )
      const endpoints = [{ addresses: ['127.0.0.1'], conditions: { ready: false } }]
      await api.client.update(Kinds.EndpointSlice, { ...slice, endpoints })
      await eventually('it to refuse', async () => (await ask(address, 18_080)) === 'ECONNREFUSED')
      expect(proxy.listening.filter(text => text.includes(':18080'))).toEqual([])
    } finally {
      stop.abort()
      await Promise.all(running)
      backend.close()
      await api.close()
    }
  })
})
