import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
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
      ingressPorts: [],
      onClash: () => {},
    })
    const names = await eventually('the node is known', () => network.names())
    expect(names).toEqual({ domain: 'cluster.local', dnsAddress: undefined })
  })

  it('leads no port of the host to what listens at the loopback addresses of the host', async () => {
    const secret = createServer(socket => socket.end('for this host alone'))
    secret.listen(0, '127.0.0.1')
    await once(secret, 'listening')
    const ownPods = createInformer(api.client, Kinds.Pod, CONTEXT)
    const network = createNetwork({
      ...{ ...CONTEXT, ...OWNER, client: api.client, informers, folder, ownPods, runtimeName: 'docker' },
      pods: undefined,
      hostResolvers: new HostResolvers({ clock: systemClock, files: [] }),
      ingressPorts: [],
      onClash: () => {},
    })
    const { port } = secret.address() as AddressInfo
    const hidden = await serve('hidden', '127.0.0.1', port)
    const plain = await serve('plain', '192.0.2.1', port)
    const services = [network.run(stop.signal), ownPods.run(stop.signal)]
    await eventually('the other service to be served', async () => (await ask(plain)) !== 'ECONNREFUSED')
    expect(await ask(hidden)).toBe('ECONNREFUSED')
    stop.abort()
    await Promise.all(services)
    secret.close()
  })

  /** A service whose endpoint somebody wrote. Answers with its port of the host. */
  async function serve(name: string, address: string, port: number): Promise<number> {
    await api.client.create(Kinds.EndpointSlice, {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      ports: [{ port, protocol: 'TCP' }],
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
    })
    const { spec } = await api.client.create(Kinds.Service, {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: 'default' },
      spec: { type: 'NodePort', ports: [{ port: 80 }] },
    })
    return spec?.ports?.[0]?.nodePort ?? 0
  }

  /** What is said at once, or the code of what went wrong; `` when it stays silent. */
  function ask(port: number): Promise<string> {
    const socket = connect({ host: '127.0.0.1', port, timeout: 500 })
    socket.on('timeout', () => socket.destroy())
    return text(socket).catch(error => (error as { code: string }).code)
  }
})
