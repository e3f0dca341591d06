import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { Informers } from '../../../src/client/index.ts'
import { startControllers } from '../../../src/cluster/controllers/index.ts'
import { Kinds } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { startTestApi, type TestApi } from '../api/support/api-server.ts'
import { kubectlOk } from '../api/support/kubectl.ts'

let api: TestApi
let stop: AbortController
let running: Promise<unknown>

beforeEach(async () => {
  api = await startTestApi()
  stop = new AbortController()
  const context = { client: api.client, clock: systemClock, ids: systemIds, log: silentLogger }
  const informers = new Informers(context)
  running = Promise.all([
    startControllers({ ...context, informers }).start(stop.signal),
    informers.start(stop.signal),
  ])
})

afterEach(async () => {
  stop.abort()
  await running
  await api.close()
})

const kubectl = (...args: string[]) => kubectlOk(api, args)

describe('kubectl against the controllers of the network', () => {
  it('describes the range of a node', async () => {
    await api.client.create(Kinds.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'host-1' } })
    await eventually('its range', async () => (await api.client.get(Kinds.Node, 'host-1')).spec?.podCIDR)
    const text = await kubectl('describe', 'node', 'host-1')
    expect(text).toMatch(/^PodCIDR:\s+10\.42\.0\.0\/24$/m)
    expect(text).toMatch(/^PodCIDRs:\s+10\.42\.0\.0\/24$/m)
    expect(text).toContain('network.bowline.dev/service-cidr: 10.43.0.0/16')
  })
})
