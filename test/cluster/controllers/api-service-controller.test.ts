import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { Informers } from '../../../src/client/index.ts'
import { ApiServiceController, type ApiServiceOptions } from '../../../src/cluster/controllers/index.ts'
import { Kinds, type Service } from '../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../api/test-api.ts'

const OPTIONS: ApiServiceOptions = {
  clusterIp: '10.43.0.1',
  endpoint: { address: '192.0.2.2', port: 6443 },
}
const HERE = { namespace: 'default' }

/** Waits until the check no longer fails. */
function shown(check: () => Promise<unknown>): Promise<unknown> {
  return vi.waitFor(check, { timeout: 20_000, interval: 10 })
}

describe('ApiServiceController', () => {
  let api: TestApi
  let stop: AbortController
  let running: Promise<unknown>

  beforeEach(async () => {
    api = await startTestApi()
  })

  afterEach(async () => {
    stop.abort()
    await running
    await api.close()
  })

  function start(options: ApiServiceOptions = OPTIONS): void {
    stop = new AbortController()
    const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
    const informers = new Informers(context)
    const controller = new ApiServiceController({ ...context, informers }, options)
    running = Promise.all([controller.start(stop.signal), informers.start(stop.signal)])
  }

  const service = (): Promise<Service> => api.client.get(Kinds.Service, 'kubernetes', HERE)
  const slice = () => api.client.get(Kinds.EndpointSlice, 'kubernetes', HERE)

  it('makes the Service, its Endpoints and its EndpointSlice', async () => {
    start()
    await shown(async () => {
      expect((await slice()).endpoints).toEqual([{ addresses: ['192.0.2.2'], conditions: { ready: true } }])
    })
    expect(await service()).toMatchObject({
      metadata: { labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: {
        clusterIP: '10.43.0.1',
        ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }],
      },
    })
    expect(await slice()).toMatchObject({
      metadata: { labels: { 'kubernetes.io/service-name': 'kubernetes' } },
      ports: [{ name: 'https', port: 6443, protocol: 'TCP' }],
    })
    expect(await api.client.get(Kinds.Endpoints, 'kubernetes', HERE)).toMatchObject({
      subsets: [
        { addresses: [{ ip: '192.0.2.2' }], ports: [{ name: 'https', port: 6443, protocol: 'TCP' }] },
      ],
    })
  })

  it('makes them again when they are deleted, and puts right what is changed', async () => {
    start()
    await shown(async () => slice())
    const { uid } = (await service()).metadata
    await api.client.delete(Kinds.Service, 'kubernetes', HERE)
    await shown(async () => expect((await service()).metadata.uid).not.toBe(uid))
    expect((await service()).spec?.clusterIP).toBe('10.43.0.1')
    await api.client.patch(
      Kinds.EndpointSlice,
      'kubernetes',
      { type: 'merge', body: { endpoints: [] } },
      HERE,
    )
    await shown(async () => expect((await slice()).endpoints).toHaveLength(1))
  })

  it('moves with the API, and with the range of Services', async () => {
    start()
    await shown(async () => slice())
    stop.abort()
    await running
    start({ clusterIp: '10.43.0.7', endpoint: { address: '192.0.2.9', port: 7443 } })
    await shown(async () => {
      expect((await service()).spec).toMatchObject({ clusterIP: '10.43.0.7', ports: [{ targetPort: 7443 }] })
      expect((await slice()).endpoints[0]?.addresses).toEqual(['192.0.2.9'])
    })
  })

  it('has no endpoint when the API listens for its own machine alone', async () => {
    start({ ...OPTIONS, endpoint: { address: undefined, port: 6443 } })
    await shown(async () => expect((await slice()).endpoints).toEqual([]))
    expect(await api.client.get(Kinds.Endpoints, 'kubernetes', HERE)).not.toHaveProperty('subsets')
  })
})
