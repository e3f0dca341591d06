import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { stopHaproxy } from '../../../../src/agents/network/ingress/haproxy/program.ts'
import { createIngress, proxyDefaults, purgeIngress } from '../../../../src/agents/network/ingress/index.ts'
import { silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { type Client, createInformer, Informers } from '../../../../src/client/index.ts'
import { type Kind, Kinds, type Node } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { startTestApi, type TestApi } from '../../../cluster/api/test-api.ts'
import { backend, ingress, rule } from '../../../kube/ingress/objects.ts'
import { haproxyMissing } from '../../../support/haproxy.ts'
import { selfSigned, service, slice, tlsSecret } from './cluster-view.ts'
import { freePorts, send } from './haproxy/proxy-world.ts'

const CONTEXT = { clock: systemClock, ids: systemIds, log: silentLogger }
/** No endpoint may be at a loopback address. */
const ADDRESS = Object.values(networkInterfaces())
  .flatMap(entries => entries ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

const why = haproxyMissing ?? (ADDRESS === undefined ? 'this host has no address' : undefined)

describe.skipIf(why !== undefined)(`createIngress() (${why ?? 'real'})`, { timeout: 60_000 }, () => {
  let api: TestApi
  let root: string
  let ports: { readonly httpPort: number; readonly httpsPort: number }
  let events: string[]
  const agents: { readonly name: string; stop(): Promise<void> }[] = []
  const closers: (() => void)[] = []

  beforeEach(async () => {
    api = await startTestApi()
    root = await mkdtemp(join(tmpdir(), 'bowline-ingress-'))
    const [httpPort = 0, httpsPort = 0] = await freePorts(2)
    ports = { httpPort, httpsPort }
    events = []
  })
  afterEach(async () => {
    for (const { stop } of agents.splice(0)) await stop()
    for (const name of ['one', 'two']) await purgeIngress(join(root, name), systemClock)
    for (const close of closers.splice(0)) close()
    await api.close()
    await rm(root, { recursive: true, force: true })
  })

  /** An agent's ingress; the Node is made when it is not there. */
  async function startAgent(name: string, client: Client = api.client): Promise<{ stop(): Promise<void> }> {
    await api.client
      .create(Kinds.Node, { apiVersion: 'v1', kind: 'Node', metadata: { name } })
      .catch(() => undefined)
    const stop = new AbortController()
    const informers = new Informers({ client, ...CONTEXT })
    const nodes = createInformer(client, Kinds.Node, { fieldSelector: `metadata.name=${name}`, ...CONTEXT })
    const part = createIngress({
      client,
      nodeName: name,
      dataDir: join(root, name),
      informers: {
        ingresses: informers.of(Kinds.Ingress),
        classes: informers.of(Kinds.IngressClass),
        services: informers.of(Kinds.Service),
        slices: informers.of(Kinds.EndpointSlice),
      },
      proxy: { ...(await proxyDefaults(ports)), addresses: ['127.0.0.1'] },
      podsAreProcesses: false,
      node: () => nodes.get(name),
      record: (about, type, reason, message) => events.push(`${about.kind} ${type} ${reason}: ${message}`),
      ...CONTEXT,
    })
    const running = [part.start(stop.signal), informers.start(stop.signal), nodes.run(stop.signal)]
    const agent = {
      name,
      async stop() {
        stop.abort()
        await Promise.all(running)
      },
    }
    agents.push(agent)
    return agent
  }

  async function pod(name: string): Promise<number> {
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ pod: name }))
    })
    await new Promise<void>(resolve => server.listen(0, '0.0.0.0', () => resolve()))
    closers.push(
      () => server.closeAllConnections(),
      () => server.close(),
    )
    return (server.address() as { port: number }).port
  }

  async function makeShop(port: number): Promise<void> {
    await api.client.create(Kinds.Service, service('web', [{ port: 80 }], { selector: { app: 'web' } }))
    await api.client.create(
      Kinds.EndpointSlice,
      slice('web', [ADDRESS ?? ''], [{ port, name: '', protocol: 'TCP' }]),
    )
    await api.client.create(
      Kinds.Ingress,
      ingress('shop', { rules: [rule('a.test', ['Prefix', '/', 'web'])] }),
    )
  }

  /** As a reboot does. */
  async function purgeProxyProcess(): Promise<void> {
    await stopHaproxy(join(root, 'one', 'ingress'), systemClock)
    expect(await answer()).toBe('nobody')
  }

  async function condition(name: string) {
    const { status }: Node = await api.client.get(Kinds.Node, name)
    const found = status?.conditions?.find(({ type }) => type === 'IngressServing')
    return found === undefined ? undefined : `${found.status} ${found.reason}`
  }

  const answer = () =>
    send({ port: ports.httpPort, host: 'a.test', path: '/' }).then(
      ({ code, pod }) => pod ?? code,
      () => 'nobody',
    )

  /** Whose certificate is shown for the shop. */
  function shown(): Promise<string> {
    return new Promise(resolve => {
      const options = {
        port: ports.httpsPort,
        host: '127.0.0.1',
        servername: 'a.test',
        rejectUnauthorized: false,
      }
      const socket = connectTls(options, () => {
        resolve(String(socket.getPeerCertificate().subject.CN))
        socket.destroy()
      })
      socket.on('error', () => resolve(''))
    })
  }

  it('serves what is there, follows what changes, and leaves the ports when there is nothing any more', async () => {
    await startAgent('one')
    await makeShop(await pod('first'))
    await eventually('the pod answers', async () => (await answer()) === 'first')
    await eventually('the Node says so', async () => (await condition('one')) === 'True Serving')
    const port = await pod('second')
    const body = { ports: [{ port, name: '', protocol: 'TCP' }] }
    await api.client.patch(Kinds.EndpointSlice, 'web-x', { type: 'merge', body }, { namespace: 'default' })
    await eventually('the other pod answers', async () => (await answer()) === 'second')
    await api.client.delete(Kinds.EndpointSlice, 'web-x', { namespace: 'default' })
    await eventually('no pod answers', async () => (await answer()) === 503)
    await api.client.delete(Kinds.Ingress, 'shop', { namespace: 'default' })
    await eventually('nobody listens', async () => (await answer()) === 'nobody')
    await eventually('the Node says so', async () => (await condition('one')) === 'False NothingToServe')
  })

  it('shows a certificate when its Secret comes, and the next one when it changes', async () => {
    await startAgent('one')
    await makeShop(await pod('first'))
    const tls = [{ hosts: ['a.test'], secretName: 'tls' }]
    await api.client.create(Kinds.Ingress, ingress('tls', { defaultBackend: backend('web'), tls }))
    await eventually('the default one', async () => (await shown()) === 'Bowline ingress default certificate')
    await api.client.create(Kinds.Secret, tlsSecret('tls', selfSigned('one.test')))
    await eventually('its own', async () => (await shown()) === 'one.test')
    const { data } = tlsSecret('tls', selfSigned('two.test'))
    await api.client.patch(Kinds.Secret, 'tls', { type: 'merge', body: { data } }, { namespace: 'default' })
    await eventually('the next', async () => (await shown()) === 'two.test')
  })

  it('goes on without its agent, and is taken over by the next', async () => {
    const first = await startAgent('one')
    await makeShop(await pod('first'))
    await eventually('the pod answers', async () => (await answer()) === 'first')
    await first.stop()
    expect(await answer()).toBe('first')
    await startAgent('one')
    const port = await pod('second')
    const body = { ports: [{ port, name: '', protocol: 'TCP' }] }
    await api.client.patch(Kinds.EndpointSlice, 'web-x', { type: 'merge', body }, { namespace: 'default' })
    await eventually('the other pod answers', async () => (await answer()) === 'second')
  })

  it('shows the certificates that it had while the server does not tell of them', async () => {
    const first = await startAgent('one')
    await makeShop(await pod('first'))
    const tls = [{ hosts: ['a.test'], secretName: 'tls' }]
    await api.client.create(Kinds.Ingress, ingress('tls', { defaultBackend: backend('web'), tls }))
    await api.client.create(Kinds.Secret, tlsSecret('tls', selfSigned('one.test')))
    await eventually('its own', async () => (await shown()) === 'one.test')
    await first.stop()
    await purgeProxyProcess()
    const { client } = api
    const away: Client = Object.create(client, {
      list: {
        value: (kind: Kind, options: object) =>
          kind.kind === 'Secret'
            ? Promise.reject(new Error('the server is away'))
            : client.list(kind, options),
      },
    })
    await startAgent('one', away)
    await eventually('the pod answers', async () => (await answer()) === 'first')
    const port = await pod('second')
    const body = { ports: [{ port, name: '', protocol: 'TCP' }] }
    await client.patch(Kinds.EndpointSlice, 'web-x', { type: 'merge', body }, { namespace: 'default' })
    await eventually('the other pod answers', async () => (await answer()) === 'second')
    expect(await shown()).toBe('one.test')
  })

  it('stands by while another agent of the host serves, and takes its place', async () => {
    const first = await startAgent('one')
    await makeShop(await pod('first'))
    await eventually('the pod answers', async () => (await condition('one')) === 'True Serving')
    await startAgent('two')
    await eventually('the second stands by', async () => (await condition('two')) === 'False StandBy')
    expect(await answer()).toBe('first')
    expect(events).toEqual([])
    await first.stop()
    await purgeIngress(join(root, 'one'), systemClock)
    await eventually('the second serves', async () => (await condition('two')) === 'True Serving', 30_000)
    expect(await answer()).toBe('first')
  })

  it('says that a port is taken, and goes on trying', async () => {
    const holder = createServer((_, response) => response.end('mine'))
    await new Promise<void>(resolve => holder.listen(ports.httpPort, '127.0.0.1', () => resolve()))
    await startAgent('one')
    await makeShop(await pod('first'))
    await eventually('the Node says so', async () => (await condition('one')) === 'False PortTaken')
    expect(events).toEqual([expect.stringMatching(/^Node Warning IngressPortTaken: .*cannot bind socket/)])
    holder.close()
    holder.closeAllConnections()
    await eventually('the pod answers', async () => (await answer()) === 'first', 30_000)
  })
})
