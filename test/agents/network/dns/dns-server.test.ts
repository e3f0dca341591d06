import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { type DecodedPacket, decode, encode, RECURSION_DESIRED, streamEncode } from 'dns-packet'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDnsServer, type DnsServerOptions } from '../../../../src/agents/network/dns/index.ts'
import { TcpMessages } from '../../../../src/agents/network/dns/tcp-messages.ts'
import { type Clock, silentLogger, systemClock, systemIds } from '../../../../src/base/index.ts'
import { createInformer } from '../../../../src/client/index.ts'
import { Kinds } from '../../../../src/kube/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { FakeClock } from '../../../base/fake-clock.ts'
import { startTestServer, type TestServer } from '../../support/test-server.ts'
import { service, slice } from './objects.ts'
import { address, startUpstream, type Upstream } from './upstream.ts'

type Answer = DecodedPacket & { readonly rcode: string }

interface Running {
  readonly port: number
  stop(): Promise<void>
}

/** Another address than the servers': a server never asks itself. */
const UPSTREAM = '127.0.0.4'

let api: TestServer
let upstream: Upstream
const endings: (() => unknown)[] = []

beforeAll(async () => {
  api = await startTestServer()
  upstream = await startUpstream(name => address(name, '192.0.2.1'), UPSTREAM)
  await api.client.create(
    Kinds.Service,
    service('web', { clusterIP: '10.43.0.10', ports: [{ name: 'http', port: 80 }] }),
  )
  await api.client.create(Kinds.Service, service('db', { clusterIP: 'None' }))
  const endpoints = Array.from({ length: 100 }, (_, at) => ({
    address: `10.42.1.${at + 1}`,
    hostname: `db-${at}`,
  }))
  await api.client.create(
    Kinds.EndpointSlice,
    slice('db', endpoints, [{ name: 'sql', port: 5432, protocol: 'TCP' }]),
  )
  await api.client.create(
    Kinds.Service,
    service('mail', { type: 'ExternalName', externalName: 'mx.example.com' }),
  )
  await api.client.create(
    Kinds.Service,
    service('inner', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
  )
  for (const [name, target] of [
    ['ping', 'pong'],
    ['pong', 'ping'],
  ] as const)
    await api.client.create(
      Kinds.Service,
      service(name, { type: 'ExternalName', externalName: `${target}.default.svc.cluster.local` }),
    )
})
afterAll(async () => {
  await upstream.close()
  await api.close()
})
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

interface Overrides extends Partial<DnsServerOptions> {
  /** Whether the informers run from the start. */
  readonly known?: boolean
}

/** A server on a port of the loopback; `follow` lets its informers run. */
async function startServer({
  known = true,
  ...options
}: Overrides = {}): Promise<Running & { follow(): void }> {
  const stop = new AbortController()
  const means = { clock: systemClock, ids: systemIds, log: silentLogger }
  const services = createInformer(api.client, Kinds.Service, means)
  const slices = createInformer(api.client, Kinds.EndpointSlice, means)
  const running: Promise<void>[] = []
  const follow = () => {
    running.push(services.run(stop.signal), slices.run(stop.signal))
  }
  const server = createDnsServer({
    address: '127.0.0.1',
    port: 0,
    clusterDomain: 'cluster.local',
    clusterNetworks: ['10.42.0.0/16', '10.43.0.0/16'],
    clients: ['127.0.0.0/8'],
    services,
    slices,
    hostResolvers: { forHost: () => Promise.resolve({ servers: [UPSTREAM], searches: [], options: [] }) },
    resolverPort: upstream.port,
    ...means,
    ...options,
  })
  running.push(server.start(stop.signal))
  const end = async () => {
    stop.abort()
    await Promise.all(running)
  }
  endings.push(end)
  if (known) {
    follow()
    await Promise.all([services.synced, slices.synced])
  }
  return { port: await server.listening, stop: end, follow }
}

function queryBytes(name: string, type: string = 'A', id: number = 7): Buffer {
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type: type as 'A' }],
  })
}

/** Sends datagrams from `from` and gives the answers that came when there are `count` of them. */
async function exchange(
  port: number,
  datagrams: readonly Buffer[],
  from: string = '127.0.0.1',
  count: number = datagrams.length,
): Promise<Answer[]> {
  const socket = createSocket('udp4')
  const answers: Answer[] = []
  socket.on('message', bytes => answers.push(decode(bytes) as Answer))
  await new Promise<void>(resolve => socket.bind(0, from, resolve))
  try {
    for (const datagram of datagrams) socket.send(datagram, port, '127.0.0.1')
    return await eventually('the answers', () => answers.length >= count && answers)
  } finally {
    socket.close()
  }
}

async function ask(port: number, name: string, type?: string): Promise<Answer> {
  const [answer] = await exchange(port, [queryBytes(name, type)])
  if (answer === undefined) throw new Error('there is an answer')
  return answer
}

function dataOf({ answers = [] }: DecodedPacket): unknown[] {
  return answers.map(answer => ('data' in answer ? answer.data : undefined))
}

/** Sends what is given over one connection and collects `count` answers. */
async function exchangeTcp(port: number, bytes: Buffer, count: number): Promise<Answer[]> {
  const socket = connect(port, '127.0.0.1')
  const messages = new TcpMessages()
  const answers: Answer[] = []
  socket.on('error', () => {})
  socket.on('data', chunk => {
    for (const message of messages.take(chunk)) answers.push(decode(message) as Answer)
  })
  try {
    socket.write(bytes)
    return await eventually('the answers', () => answers.length >= count && answers)
  } finally {
    socket.destroy()
  }
}

describe('createDnsServer()', () => {
  it('answers with names of the cluster, as authority for them', async () => {
    const { port } = await startServer()
    const answer = await ask(port, 'Web.default.svc.cluster.local')
    expect(dataOf(answer)).toEqual(['10.43.0.10'])
    expect(answer).toMatchObject({ rcode: 'NOERROR', flag_aa: true, flag_ra: true, flag_rd: true })
    expect(answer.answers?.[0]).toMatchObject({ name: 'Web.default.svc.cluster.local', ttl: 5 })
  })

  it.each([
    ['web.default.svc.cluster.local', 'AAAA', 'NOERROR'],
    ['other.default.svc.cluster.local', 'A', 'NXDOMAIN'],
    ['www.example.com.default.svc.cluster.local', 'A', 'NXDOMAIN'],
  ])('says of %s %s how long its absence may be believed, and asks nobody', async (name, type, rcode) => {
    const { port } = await startServer()
    const before = upstream.asked.length
    const answer = await ask(port, name, type)
    expect(answer).toMatchObject({ rcode, answers: [] })
    expect(answer.authorities).toMatchObject([
      { type: 'SOA', name: 'cluster.local', ttl: 5, data: { minimum: 5 } },
    ])
    expect(upstream.asked).toHaveLength(before)
  })

  it('turns addresses around and sends who cannot take them all to TCP', async () => {
    const { port } = await startServer()
    const firsts = new Set<unknown>()
    await eventually('another address to be first', async () => {
      const answer = await ask(port, 'db.default.svc.cluster.local')
      expect(answer).toMatchObject({ flag_tc: true })
      firsts.add(dataOf(answer)[0])
      return firsts.size > 1
    })
    const [whole] = await exchangeTcp(
      port,
      streamEncode({ type: 'query', questions: [{ name: 'db.default.svc.cluster.local', type: 'A' }] }),
      1,
    )
    expect(whole).toMatchObject({ flag_tc: false })
    expect(new Set(dataOf(whole as Answer)).size).toBe(100)
  })

  it('answers many queries of one connection, also where they arrive in pieces', async () => {
    const { port } = await startServer()
    const queries = Array.from({ length: 200 }, (_, id) =>
      streamEncode({ type: 'query', id, questions: [{ name: 'web.default.svc.cluster.local', type: 'A' }] }),
    )
    const answers = await exchangeTcp(port, Buffer.concat(queries), 200)
    expect(new Set(answers.map(({ id }) => id)).size).toBe(200)
    const socket = connect(port, '127.0.0.1')
    const received: Buffer[] = []
    socket.on('data', chunk => received.push(chunk))
    for (const byte of queries[0] ?? []) {
      socket.write(Buffer.from([byte]))
      await new Promise(resolve => setImmediate(resolve))
    }
    await eventually('the answer', () => received.length > 0)
    socket.destroy()
  })

  it('follows an external name through the host’s resolvers, and through the cluster', async () => {
    const { port } = await startServer()
    const outside = await ask(port, 'mail.default.svc.cluster.local')
    expect(outside.answers).toMatchObject([
      { name: 'mail.default.svc.cluster.local', type: 'CNAME', data: 'mx.example.com', ttl: 5 },
      { name: 'mx.example.com', type: 'A', data: '192.0.2.1' },
    ])
    const inside = await ask(port, 'inner.default.svc.cluster.local')
    expect(inside.answers).toMatchObject([
      { type: 'CNAME', data: 'web.default.svc.cluster.local' },
      { name: 'web.default.svc.cluster.local', type: 'A', data: '10.43.0.10' },
    ])
    expect(await ask(port, 'ping.default.svc.cluster.local')).toMatchObject({ rcode: 'SERVFAIL' })
  })

  it('forwards everything else, for UDP and TCP', async () => {
    const { port } = await startServer()
    expect(dataOf(await ask(port, 'www.example.com'))).toEqual(['192.0.2.1'])
    const [answer] = await exchangeTcp(
      port,
      streamEncode({ type: 'query', questions: [{ name: 'www.example.com', type: 'A' }] }),
      1,
    )
    expect(dataOf(answer as Answer)).toEqual(['192.0.2.1'])
  })

  it('survives whatever is sent to it', async () => {
    const { port } = await startServer()
    const good = queryBytes('web.default.svc.cluster.local')
    const bad = Array.from({ length: 300 }, (_, at) => {
      const bytes = Buffer.from(good.subarray(0, at % (good.length + 1)))
      if (bytes.length > 0) bytes[(at * 7) % bytes.length] = (at * 131) % 256
      return bytes
    })
    await exchange(port, [...bad, good], '127.0.0.1', 1)
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(Buffer.concat([Buffer.from([0, 3, 1, 2, 3]), Buffer.alloc(1000, 0xff)]))
    await new Promise(resolve => socket.once('close', resolve))
    expect(dataOf(await ask(port, 'web.default.svc.cluster.local'))).toEqual(['10.43.0.10'])
  })

  it('answers nobody but the networks and pods that it is there for', async () => {
    const isClient = (address: string) => address === '127.0.0.3'
    const { port } = await startServer({ clients: ['127.0.0.2/32'], isClient })
    const stranger = createSocket('udp4')
    let answered = false
    stranger.on('message', () => {
      answered = true
    })
    // Datagrams are served in turn: when the second is answered the first is not going to be.
    await new Promise(sent => {
      stranger.send(queryBytes('web.default.svc.cluster.local'), port, '127.0.0.1', sent)
    })
    for (const client of ['127.0.0.2', '127.0.0.3'])
      expect(await exchange(port, [queryBytes('web.default.svc.cluster.local')], client)).toHaveLength(1)
    expect(answered).toBe(false)
    stranger.close()
    const connection = connect(port, '127.0.0.1')
    connection.on('error', () => {})
    await new Promise(resolve => connection.once('close', resolve))
  })

  it('lets who asks for a name wait for the first list of services', async () => {
    const server = await startServer({ known: false })
    const answer = ask(server.port, 'web.default.svc.cluster.local')
    server.follow()
    expect(dataOf(await answer)).toEqual(['10.43.0.10'])
  })

  it('says that it does not know, not that there is no such name, when there is no list', async () => {
    const clock = new FakeClock()
    const { port } = await startServer({ known: false, clock })
    const answer = ask(port, 'web.default.svc.cluster.local')
    await eventually('it to wait', () => clock.pending > 0)
    await clock.advance(3000)
    expect(await answer).toMatchObject({ rcode: 'SERVFAIL' })
  })

  it('answers as long as its own address is the only resolver that the host names', async () => {
    const itself = { servers: ['127.0.0.1'], searches: [], options: [] }
    const { port } = await startServer({
      hostResolvers: { forHost: () => Promise.resolve(itself) },
      address: '127.0.0.1',
    })
    expect(dataOf(await ask(port, 'web.default.svc.cluster.local'))).toEqual(['10.43.0.10'])
  })

  it('ends a loop through another resolver with one question', async () => {
    const clock: Clock & FakeClock = new FakeClock()
    const relay = await startRelay()
    endings.push(() => relay.close())
    const { port } = await startServer({
      clock,
      hostResolvers: {
        forHost: () => Promise.resolve({ servers: ['127.0.0.3'], searches: [], options: [] }),
      },
      resolverPort: relay.port,
    })
    relay.to(port)
    const answer = ask(port, 'www.example.org')
    for (let attempts = 1; attempts <= 3; attempts += 1) {
      await eventually('an attempt to be relayed', () => relay.count() === attempts)
      await clock.advance(1000)
    }
    await clock.advance(1000)
    expect(await answer).toMatchObject({ rcode: 'SERVFAIL' })
    expect(relay.count()).toBe(3)
  })

  it('listens as soon as it can', async () => {
    const earlier = createSocket('udp4')
    await new Promise<void>(resolve => earlier.bind(0, '127.0.0.1', resolve))
    const { port } = earlier.address()
    const started = startServer({ port })
    await new Promise<void>(resolve => earlier.close(resolve))
    expect((await started).port).toBe(port)
    expect(dataOf(await ask(port, 'web.default.svc.cluster.local'))).toEqual(['10.43.0.10'])
  })

  it('lets one client wait for a limited number of answers, and others for theirs', async () => {
    upstream.script = name => (name.endsWith('.slow') ? undefined : address(name, '192.0.2.1'))
    const { port } = await startServer()
    const datagrams = Array.from({ length: 201 }, (_, at) => queryBytes(`${at % 50}.slow`, 'A', at))
    const [refused] = await exchange(port, datagrams, '127.0.0.1', 1)
    expect(refused).toMatchObject({ rcode: 'SERVFAIL', id: 200 })
    const [other] = await exchange(port, [queryBytes('a.quick')], '127.0.0.2')
    expect(dataOf(other as Answer)).toEqual(['192.0.2.1'])
  })
})

/** A resolver that passes every query on to a port of the loopback, and every answer back. */
async function startRelay() {
  const socket = createSocket('udp4')
  const askers = new Map<number, { port: number; address: string }>()
  let count = 0
  let target = 0
  socket.on('message', (bytes, from) => {
    const id = bytes.readUInt16BE(0)
    if (from.port === target) {
      const asker = askers.get(id)
      if (asker !== undefined) socket.send(bytes, asker.port, asker.address)
      return
    }
    count += 1
    askers.set(id, from)
    socket.send(bytes, target, '127.0.0.1')
  })
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.3', resolve))
  return {
    port: socket.address().port,
    count: () => count,
    to(port: number) {
      target = port
    },
    close: () => new Promise<void>(resolve => socket.close(resolve)),
  }
}
