import { Resolver } from 'node:dns/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostResolvers } from '../../../src/agents/network/dns/index.ts'
import { NameService, type NameServiceOptions } from '../../../src/agents/network/name-service.ts'
import { loopbackAddress } from '../../../src/agents/network/proxy/index.ts'
import { silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { Informers } from '../../../src/client/index.ts'
import { DEFAULT_NETWORK, Kinds } from '../../../src/kube/index.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { startTestApi, type TestApi } from '../../cluster/api/test-api.ts'

describe('NameService', () => {
  let api: TestApi
  let stop: AbortController
  let running: Promise<void>[]

  beforeEach(async () => {
    api = await startTestApi()
    stop = new AbortController()
    running = []
  })
  afterEach(async () => {
    stop.abort()
    await Promise.all(running)
    await api.close()
  })

  function start(options: Partial<NameServiceOptions> = {}): NameService {
    const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger, ...options }
    const informers = new Informers(context)
    const hostResolvers = new HostResolvers({ clock: context.clock, files: [] })
    const names = new NameService({ ...context, informers, hostResolvers })
    running.push(informers.start(stop.signal), names.run(stop.signal))
    return names
  }

  it('says where it answers when it listens, and not before', { timeout: 20_000 }, async () => {
    const clock = new FakeClock()
    const names = start({ clock })
    // An address of a network for documentation: no host has it.
    names.setPlace({ address: '192.0.2.1', clients: [], network: DEFAULT_NETWORK })
    const told = names.address()
    await clock.advance(5_000)
    expect(await told).toBeUndefined()
    expect(await names.address()).toBeUndefined()
  })

  it.skipIf(process.getuid?.() !== 0)(
    'answers with the addresses by which askers reach services',
    async () => {
      const names = start({ serviceAddress: loopbackAddress, isShared: true })
      const told = names.address()
      const { spec } = await api.client.create(Kinds.Service, {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'default' },
        spec: { ports: [{ port: 80 }] },
      })
      const address = '127.43.53.10'
      names.setPlace({ address, clients: [], network: DEFAULT_NETWORK })
      expect(await told).toBe(address)
      const resolver = new Resolver({ timeout: 2_000, tries: 4 })
      resolver.setServers([address])
      const reached = loopbackAddress(spec?.clusterIP ?? '')
      expect(await resolver.resolve4('web.default.svc.cluster.local')).toEqual([reached])
      expect(await resolver.reverse(reached)).toEqual(['web.default.svc.cluster.local'])
    },
  )
})
