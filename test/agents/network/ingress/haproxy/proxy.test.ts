import { createHash } from 'node:crypto'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { kill } from 'node:process'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ProxyCertificate } from '../../../../../src/agents/network/ingress/model.ts'
import { routeTable } from '../../../../../src/kube/index.ts'
import { eventually } from '../../../../base/eventually.ts'
import { ingress, rule } from '../../../../kube/ingress/objects.ts'
import { haproxyMissing } from '../../../../support/haproxy.ts'
import { selfSigned, type TestPair } from '../cluster-view.ts'
import {
  backendOf,
  freePorts,
  Load,
  listen,
  modelOf,
  ProxyWorld,
  route,
  type TestPod,
} from './proxy-world.ts'

const ONE = selfSigned('one.test')
const TWO = selfSigned('two.test')

function certificate(secret: string, hosts: readonly string[], pair: TestPair): ProxyCertificate {
  return { secret, hosts, pem: pair.key + pair.certificate }
}

describe.skipIf(haproxyMissing !== undefined)(
  `Haproxy (${haproxyMissing ?? 'real'})`,
  { timeout: 60_000 },
  () => {
    let world: ProxyWorld
    beforeEach(async () => {
      world = await ProxyWorld.open()
    })
    afterEach(() => world.close())

    /** The names of the certificate that is shown for a server name. */
    function shownFor(servername: string): Promise<string> {
      return new Promise((resolve, reject) => {
        const options = {
          port: world.options.httpsPort,
          host: '127.0.0.1',
          servername,
          rejectUnauthorized: false,
        }
        const socket = connectTls(options, () => {
          resolve(String(socket.getPeerCertificate().subject.CN))
          socket.destroy()
        })
        socket.on('error', reject)
      })
    }

    it('leads every host and path where it belongs', async () => {
      const names = ['exact', 'prefix', 'longer', 'wild', 'any', 'root'] as const
      const pods: TestPod[] = []
      for (const name of names) pods.push(await world.pod(name))
      const haproxy = world.agent()
      await haproxy.apply(
        modelOf({
          routes: [
            route({ path: '/api', match: 'exact', backend: 'default:exact:80' }),
            route({ path: '/api', backend: 'default:prefix:80' }),
            route({ path: '/api/v1', backend: 'default:longer:80' }),
            route({ path: '/kaf%C3%A9%20;"\\$', backend: 'default:prefix:80' }),
            route({ path: '/gone', backend: undefined }),
            route({ path: '/empty', backend: 'default:empty:80' }),
            route({ host: '*.wild.test', backend: 'default:wild:80' }),
            route({ host: '*', path: '/any', backend: 'default:any:80' }),
            route({ host: 'root.test', backend: 'default:root:80' }),
          ],
          backends: [
            ...pods.map(pod => backendOf(`default:${pod.name}:80`, pod)),
            backendOf('default:empty:80'),
          ],
        }),
      )
      const table: readonly [host: string, path: string, answer: string | number][] = [
        ['a.test', '/api', 'exact'],
        ['a.test', '/api?x=/api/v1', 'exact'],
        ['a.test', '/api/', 'prefix'],
        ['a.test', '/api/x', 'prefix'],
        ['a.test', '/apix', 404],
        ['a.test', '/api/v1', 'longer'],
        ['a.test', '/api/v1/x/y', 'longer'],
        ['a.test', '/api/v10', 'prefix'],
        ['a.test', '/kaf%C3%A9%20;"\\$/x', 'prefix'],
        ['A.TEST:8080', '/api', 'exact'],
        ['a.test.', '/api', 'exact'],
        ['a.test', '/gone', 503],
        ['a.test', '/empty/x', 503],
        ['x.wild.test', '/', 'wild'],
        ['x.y.wild.test', '/', 404],
        ['wild.test', '/', 404],
        ['a.test', '/any', 'any'],
        ['else.test', '/any/thing', 'any'],
        ['[::1]:80', '/any', 'any'],
        ['else.test', '/', 404],
        ['root.test', '/', 'root'],
        ['root.test', '/any', 'root'],
        ['*.wild.test', '/', 400],
        ['a.test/api', '/', 400],
        ['*', '/any', 400],
      ]
      const answers = []
      for (const [host, path] of table) {
        const { code, pod } = await world.get(host, path)
        answers.push([host, path, pod ?? code])
      }
      expect(answers).toEqual(table)
      expect((await world.get('a.test', '/empty')).text).toBe('No pod of this service is ready.\n')
      expect((await world.get('else.test')).text).toBe('No ingress answers for this host and path.\n')
    })

    it('reads no route out of the end of a path', async () => {
      const pod = await world.pod('web')
      const haproxy = world.agent()
      // A map is read in pieces of 16 KiB, and what follows in a longer line would be a line of its own.
      const path = `/${'a'.repeat(16_383 - 'a.test/'.length)}victim.test`
      const rules = [rule('a.test', ['Prefix', path, 'web'], ['Prefix', '/b', 'web'])]
      const { routes } = routeTable([ingress('long', { rules })])
      await haproxy.apply(
        modelOf({
          routes: routes.map(({ host, match, path }) =>
            route({ host, match, path, backend: 'default:web:80' }),
          ),
          backends: [backendOf('default:web:80', pod)],
        }),
      )
      expect((await world.get('a.test', '/b')).pod).toBe('web')
      expect((await world.get('victim.test')).code).toBe(404)
    })

    it('tells pods who asked for what, and lets nobody tell them otherwise', async () => {
      const pod = await world.pod('web')
      const haproxy = world.agent()
      await haproxy.apply(
        modelOf({
          routes: [route({ backend: 'default:web:80' })],
          backends: [backendOf('default:web:80', pod)],
        }),
      )
      const lies = {
        'x-forwarded-for': '6.6.6.6',
        'x-real-ip': '6.6.6.6',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'b.test',
        forwarded: 'for=6.6.6.6',
        proxy: 'http://6.6.6.6',
      }
      const { text } = await world.get('a.test', '/x?y', { headers: lies })
      const { url, headers } = JSON.parse(text) as { url: string; headers: object }
      expect(url).toBe('/x?y')
      expect(headers).toMatchObject({
        host: 'a.test',
        'x-forwarded-for': '127.0.0.1',
        'x-real-ip': '127.0.0.1',
        'x-forwarded-proto': 'http',
        'x-forwarded-host': 'a.test',
        'x-forwarded-port': String(world.options.httpPort),
      })
      expect(headers).not.toHaveProperty('forwarded')
      expect(headers).not.toHaveProperty('proxy')
    })

    it('shows each server name its certificate, and a changed one without a reload', async () => {
      const haproxy = world.agent()
      const shown = (...certificates: ProxyCertificate[]) => haproxy.apply(modelOf({ certificates }))
      await shown(certificate('a/one', ['one.test', '*.wild.test'], ONE))
      const worker = await world.worker()
      expect(await shownFor('one.test')).toBe('one.test')
      expect(await shownFor('x.wild.test')).toBe('one.test')
      expect(await shownFor('x.y.wild.test')).toBe('Bowline ingress default certificate')
      expect(await shownFor('else.test')).toBe('Bowline ingress default certificate')
      await shown(
        certificate('a/one', ['one.test'], TWO),
        certificate('a/two', ['x.wild.test', 'new.test'], ONE),
      )
      expect(await shownFor('one.test')).toBe('two.test')
      expect(await shownFor('x.wild.test')).toBe('one.test')
      expect(await shownFor('new.test')).toBe('one.test')
      expect(await shownFor('y.wild.test')).toBe('Bowline ingress default certificate')
      await shown()
      expect(await shownFor('one.test')).toBe('Bowline ingress default certificate')
      expect(await world.worker()).toBe(worker)
    })

    it('goes on without a certificate that the proxy refuses', async () => {
      // The library takes no signature by SHA-1 any more.
      const weak = selfSigned('weak.test', { key: ['rsa:2048'], options: ['-sha1'] })
      const pod = await world.pod('web')
      const model = modelOf({
        routes: [route({ backend: 'default:web:80' })],
        backends: [backendOf('default:web:80', pod)],
        certificates: [certificate('a/weak', ['weak.test'], weak), certificate('a/one', ['one.test'], ONE)],
      })
      await world.agent().apply(model)
      expect((await world.get('a.test')).pod).toBe('web')
      expect(await shownFor('one.test')).toBe('one.test')
    })

    it('sends HTTP to HTTPS where that is wanted, and answers ACME before', async () => {
      const pod = await world.pod('web')
      const token = 'a'.repeat(30)
      await world.agent().apply(
        modelOf({
          routes: [
            route({ backend: 'default:web:80', redirect: true }),
            route({ host: 'b.test', backend: 'default:web:80' }),
          ],
          backends: [backendOf('default:web:80', pod)],
          challenges: [[token, `${token}.${'b'.repeat(43)}`]],
        }),
      )
      const { code, headers } = await world.get('a.test:8080', '/x?y=1', { method: 'POST' })
      expect([code, headers.location]).toEqual([308, `https://a.test:${world.options.httpsPort}/x?y=1`])
      expect((await world.get('b.test', '/x')).pod).toBe('web')
      const challenge = await world.get('a.test', `/.well-known/acme-challenge/${token}`)
      expect([challenge.code, challenge.text]).toEqual([200, `${token}.${'b'.repeat(43)}`])
      expect((await world.get('b.test', '/.well-known/acme-challenge/other')).pod).toBe('web')
    })

    it('speaks HTTP/2 to clients and, where a service says so, to pods, with trailers', async () => {
      const server = createHttp2Server()
      server.on('stream', (stream, headers) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.on('data', chunk => stream.write(chunk))
        stream.on('end', () => stream.end(String(headers['x-forwarded-proto'])))
      })
      const port = await listen(server as never)
      world.onClose(() => server.close())
      await world.agent().apply(
        modelOf({
          routes: [route({ backend: 'default:grpc:80' })],
          backends: [
            {
              name: 'default:grpc:80',
              protocol: 'h2c',
              endpoints: [{ address: '127.0.0.1', port, state: 'ready' }],
            },
          ],
          certificates: [certificate('a/one', ['a.test'], ONE)],
        }),
      )
      for (const [url, scheme] of [
        [`https://127.0.0.1:${world.options.httpsPort}`, 'https'],
        [`http://127.0.0.1:${world.options.httpPort}`, 'http'],
      ] as const) {
        const session = connectHttp2(url, { servername: 'a.test', rejectUnauthorized: false })
        const stream = session.request({
          ':method': 'POST',
          ':path': '/pkg.Service/Call',
          ':authority': 'a.test',
          te: 'trailers',
        })
        let text = ''
        let trailers: Record<string, unknown> = {}
        stream.setEncoding('utf8').on('data', chunk => {
          text += chunk
        })
        stream.on('trailers', found => {
          trailers = { ...found }
        })
        stream.write('ping ')
        stream.end('pong ')
        await new Promise((resolve, reject) => stream.on('close', resolve).on('error', reject))
        session.close()
        expect(text).toBe(`ping pong ${scheme}`)
        expect(trailers['grpc-status']).toBe('0')
      }
    })

    it('carries WebSockets, also over a reload', async () => {
      const pod = await world.pod('web')
      pod.server.on('upgrade', (incoming, socket: Socket) => {
        // RFC 6455, 1.3: the proxy looks whether it is right.
        const accept = createHash('sha1')
          .update(`${incoming.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
          .digest('base64')
        socket.on('error', () => undefined)
        socket.write(
          `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
        )
        socket.pipe(socket)
        world.onClose(() => socket.destroy())
      })
      const haproxy = world.agent()
      const model = modelOf({
        routes: [route({ backend: 'default:web:80' })],
        backends: [backendOf('default:web:80', pod)],
      })
      await haproxy.apply(model)
      const worker = await world.worker()
      const client = connectTcp(world.options.httpPort, '127.0.0.1')
      world.onClose(() => client.destroy())
      let received = ''
      client.setEncoding('utf8').on('data', chunk => {
        received += chunk
      })
      client.write(
        'GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
      )
      await eventually('the upgrade', () => received.includes('101 Switching Protocols'))
      client.write('before ')
      await eventually('an echo', () => received.endsWith('before '))
      await haproxy.apply({ ...model, backends: [...model.backends, backendOf('default:more:80')] })
      expect(await world.worker()).not.toBe(worker)
      client.write('after')
      await eventually('an echo', () => received.endsWith('before after'))
    })

    it.each([
      { told: 'after they drain', methods: ['GET', 'POST'] },
      { told: 'before anybody hears of it', methods: ['GET'] },
    ])(
      'loses no $methods while pods come, and go $told, and does not reload for it',
      async ({ told, methods }) => {
        const haproxy = world.agent()
        let serving = [await world.pod('web-0'), await world.pod('web-1')]
        const show = (pods: readonly TestPod[]) =>
          haproxy.apply(
            modelOf({
              routes: [route({ backend: 'default:web:80' })],
              backends: [backendOf('default:web:80', ...pods)],
            }),
          )
        await show(serving)
        const worker = await world.worker()
        const load = new Load(world.options.httpPort, 'a.test', { methods })
        for (let number = 2; number < 8; number += 1) {
          const fresh = await world.pod(`web-${number}`)
          serving = [...serving, fresh]
          await show(serving)
          await eventually('the new pod serves', () => load.pods.has(fresh.name))
          const [oldest, ...rest] = serving
          if (oldest === undefined) throw new Error('no pod')
          const end = () => new Promise(resolve => oldest.server.close(resolve))
          const ended = told === 'after they drain' ? undefined : end()
          await show([{ ...oldest, endpoint: { ...oldest.endpoint, state: 'draining' } }, ...rest])
          await (ended ?? end())
          await show(rest)
          serving = rest
        }
        await load.stop()
        expect(load.failures).toEqual([])
        expect(load.pods.size).toBe(8)
        expect(await world.worker()).toBe(worker)
      },
    )

    it('loses no request over reloads and agents that come and go', async () => {
      const pod = await world.pod('web')
      const model = modelOf({
        routes: [route({ backend: 'default:web:80' })],
        backends: [backendOf('default:web:80', pod)],
      })
      await world.agent().apply(model)
      const first = await world.worker()
      const load = new Load(world.options.httpPort, 'a.test')
      for (let number = 0; number < 3; number += 1) {
        const haproxy = world.agent()
        expect(await haproxy.resume()).toBe(true)
        const worker = await world.worker()
        await haproxy.apply({
          ...model,
          backends: [...model.backends, backendOf(`default:more-${number}:80`)],
        })
        expect(await world.worker()).not.toBe(worker)
        const answers = load.answers
        await eventually('requests after the reload', () => load.answers > answers + 20)
        haproxy.close()
      }
      await load.stop()
      expect(load.failures).toEqual([])
      expect(await world.worker()).not.toBe(first)
    })

    it('asks another pod when one dies over a request that may be repeated', async () => {
      const dying = await world.pod('dying')
      dying.server.removeAllListeners('request')
      let deaths = 0
      dying.server.on('request', ({ socket }) => {
        deaths += 1
        socket.resetAndDestroy()
      })
      const model = modelOf({
        routes: [route({ backend: 'default:web:80' })],
        backends: [backendOf('default:web:80', dying, await world.pod('living'))],
      })
      await world.agent().apply(model)
      for (let asked = 0; asked < 8; asked += 1) expect((await world.get('a.test')).pod).toBe('living')
      expect(deaths).toBeGreaterThan(1)
      const before = deaths
      const codes: number[] = []
      for (let asked = 0; asked < 4; asked += 1)
        codes.push((await world.get('a.test', '/', { method: 'POST', body: 'x' })).code)
      expect([...codes].sort()).toEqual([200, 200, 502, 502])
      expect(deaths - before).toBe(2)
    })

    it('is taken over as it is by the next agent, with certificates and routes that nobody remembers', async () => {
      const pod = await world.pod('web')
      const model = modelOf({
        routes: [route({ backend: 'default:web:80' })],
        backends: [backendOf('default:web:80', pod)],
        certificates: [certificate('a/one', ['one.test'], ONE)],
      })
      const before = world.agent()
      await before.apply(model)
      before.close()
      const worker = await world.worker()
      const after = world.agent()
      await after.resume()
      await after.apply({ ...model, certificates: [certificate('a/one', ['one.test'], TWO)] })
      expect(await world.worker()).toBe(worker)
      expect((await world.get('a.test')).pod).toBe('web')
      expect(await shownFor('one.test')).toBe('two.test')
    })

    it('is started again when it died, from its files before anybody says a word', async () => {
      const pod = await world.pod('web')
      const haproxy = world.agent()
      const model = modelOf({
        routes: [route({ backend: 'default:web:80' })],
        backends: [backendOf('default:web:80', pod)],
      })
      await haproxy.apply(model)
      kill(await world.worker(), 'SIGKILL')
      await eventually('the end is told', () => world.ends > 0)
      await haproxy.apply(model)
      expect((await world.get('a.test')).pod).toBe('web')
      kill(await world.worker(), 'SIGKILL')
      await eventually('it is gone', async () => (await world.worker()) === 0)
      expect(await world.agent().resume()).toBe(true)
      expect((await world.get('a.test')).pod).toBe('web')
    })

    it('says whose the port is when it cannot have it, and leaves nothing behind', async () => {
      const { server } = await world.pod('holder')
      await new Promise<void>(resolve =>
        server.close(() => server.listen(world.options.httpPort, '127.0.0.1', resolve)),
      )
      await expect(world.agent().apply(modelOf({}))).rejects.toThrow(/cannot bind.*in use/i)
      await new Promise(resolve => server.close(resolve))
      await world.agent().apply(modelOf({}))
      expect((await world.get('a.test')).code).toBe(404)
    })

    it('lets nobody take its port while it serves', async () => {
      await world.agent().apply(modelOf({}))
      const other = await ProxyWorld.open()
      const [httpsPort = 0] = await freePorts(1)
      Object.assign(other.options, { httpPort: world.options.httpPort, httpsPort })
      await expect(other.agent().apply(modelOf({}))).rejects.toThrow(/cannot bind/i)
      await other.close()
    })
  },
)
