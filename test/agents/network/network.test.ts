import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { HostResolvers } from '../../../src/agents/network/dns/index.ts'
import { createNetwork } from '../../../src/agents/network/network.ts'
import { RoutedPods } from '../../../src/agents/network/pods/routed-pods.ts'
import { silentLogger, systemClock, systemIds } from '../../../src/base/index.ts'
import { createInformer, Informers } from '../../../src/client/index.ts'
import { DEFAULT_NETWORK, Kinds, networkAnnotations } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { FakeClock } from '../../base/fake-clock.ts'
import { startTestApi, type TestApi } from '../../cluster/api/test-api.ts'

const CONTEXT = { clock: systemClock, ids: systemIds, log: silentLogger }
const OWNER = { clusterUid: 'c', nodeName: 'one' }

describe('createNetwork()', () => {
  let api: TestApi
  let folder: string
  let stop: AbortController
  let running: Promise<unknown>
  let informers: Informers

  beforeEach(async () => {
    api = await startTestApi()
    folder = await mkdtemp(join(tmpdir(), 'bowline-network-'))
    stop = new AbortController()
    informers = new Informers({ client: api.client, ...CONTEXT })
    running = informers.start(stop.signal)
    await api.client.create(Kinds.Node, {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'one', annotations: { ...networkAnnotations(DEFAULT_NETWORK) } },
    })
  })
  afterEach(async () => {
    stop.abort()
    await running
    await api.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('tells pods on an engine of another machine of no DNS server, since theirs is out of reach', async () => {
    // Not prepared, so that nothing of this machine is touched.
    const pods = new RoutedPods({ ...OWNER, ...CONTEXT })
    pods.setReach(false)
    const network = createNetwork({
      ...{ ...CONTEXT, ...OWNER, client: api.client, informers, folder, pods, runtimeName: 'docker' },
      // A wait for the server would never end.
      clock: new FakeClock(),
      ownPods: createInformer(api.client, Kinds.Pod, CONTEXT),
      hostResolvers: new HostResolvers({ clock: systemClock, files: [] }),
      onClash: () => {},
    })
    const names = await eventually('the node is known', () => network.names())
    expect(names).toEqual({ domain: 'cluster.local', dnsAddress: undefined })
  })
})
