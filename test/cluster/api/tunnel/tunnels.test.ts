import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { performServerHandshake, type ServerHttp2Stream } from 'node:http2'
import { createServer, request as httpsRequest, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { silentLogger, systemClock } from '../../../../src/base/index.ts'
import { createAuthenticator } from '../../../../src/cluster/api/auth/authenticator.ts'
import { issueServerCertificate } from '../../../../src/cluster/api/http/server-certificate.ts'
import { TUNNEL_PATH, TUNNEL_PROTOCOL, Tunnels } from '../../../../src/cluster/api/tunnel/tunnels.ts'
import { upgradeToTunnel } from '../../../../src/cluster/api/tunnel/upgrade.ts'
import {
  type Authority,
  createAuthority,
  createKeyPair,
  DAY_MS,
  issueCertificate,
  validFrom,
} from '../../../../src/pki/index.ts'
import { FakeClock } from '../../../base/fake-clock.ts'

type Handler = (stream: ServerHttp2Stream, path: string) => void

let authority: Authority
let server: Server
let tunnels: Tunnels
let port: number
let ends: (() => void)[]

beforeEach(async () => {
  ends = []
  authority ??= await createAuthority(systemClock)
  tunnels = new Tunnels({ clock: systemClock, log: silentLogger })
  const authenticator = createAuthenticator({ clock: systemClock, tokenVerifiers: [], members: undefined })
  const { key, cert, ca } = await issueServerCertificate({ authority, names: [], now: systemClock.now() })
  server = createServer({ key, cert, ca, requestCert: true, rejectUnauthorized: false })
  server.on('upgrade', (request, socket, head) => {
    upgradeToTunnel({
      request,
      socket: socket as TLSSocket,
      head,
      authenticator,
      tunnels,
      onBug: error => {
        throw error
      },
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
})

afterEach(async () => {
  tunnels.close()
  for (const end of ends) end()
  server.closeAllConnections()
  server.close()
  await once(server, 'close')
})

async function certificateOf(
  commonName: string,
  organizations: readonly string[],
): Promise<{ key: string; cert: string }> {
  const { publicKey, privateKey } = await createKeyPair()
  const validity = validFrom(systemClock.now(), DAY_MS)
  const cert = await issueCertificate({
    authority,
    subject: { commonName, organizations },
    publicKey,
    usages: ['client'],
    validity,
  })
  return { key: privateKey, cert }
}

async function upgrade(
  identity: { key: string; cert: string } | undefined,
  path: string = TUNNEL_PATH,
): Promise<{ response: IncomingMessage; socket?: Socket; head?: Buffer }> {
  const request = httpsRequest({
    host: '127.0.0.1',
    port,
    path,
    ca: authority.certificate,
    ...identity,
    headers: { connection: 'Upgrade', upgrade: TUNNEL_PROTOCOL },
  })
  request.end()
  return new Promise((resolve, reject) => {
    request.on('upgrade', (response, socket, head) => resolve({ response, socket, head }))
    request.on('response', response => resolve({ response }))
    request.on('error', reject)
  })
}

/** An agent's end: it upgrades a connection and serves HTTP/2 on it. */
async function openTunnel(nodeName: string, handler: Handler): Promise<Duplex> {
  const { socket, head } = await upgrade(await certificateOf(`system:node:${nodeName}`, ['system:nodes']))
  if (socket === undefined) throw new Error('the upgrade was refused')
  if (head !== undefined && head.length > 0) socket.unshift(head)
  const session = performServerHandshake(socket)
  session.on('error', () => undefined)
  session.on('stream', (stream, headers) => {
    stream.on('error', () => undefined)
    handler(stream, String(headers[':path']))
  })
  ends.push(() => session.destroy())
  await once(session, 'remoteSettings')
  return socket
}

function get(
  nodeName: string,
  path: string,
  signal: AbortSignal = new AbortController().signal,
): ReturnType<Tunnels['request']> {
  return tunnels.request(nodeName, { method: 'GET', path, signal })
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('Tunnels', () => {
  it('request() reaches the agent over the connection that the agent made', async () => {
    await openTunnel('host-1', (stream, path) => {
      stream.respond({ ':status': 200, 'content-type': 'text/plain' })
      stream.end(path)
    })
    const answer = await get('host-1', '/containerLogs/default/web/main?follow=true')
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toBe('text/plain')
    expect(await textOf(answer.body)).toBe('/containerLogs/default/web/main?follow=true')
  })

  it('request() carries many streams at once and megabytes at the pace of the reader', async () => {
    const block = Buffer.alloc(64 * 1024, 'x')
    let written = 0
    await openTunnel('host-1', async stream => {
      for (let at = 0; at < 256; at += 1) {
        written += block.length
        if (!stream.write(block)) await once(stream, 'drain')
      }
      stream.end()
    })
    const slow = await get('host-1', '/slow')
    const sizes = await Promise.all(
      Array.from({ length: 3 }, async () => (await textOf((await get('host-1', '/')).body)).length),
    )
    expect(sizes).toEqual([16_777_216, 16_777_216, 16_777_216])
    // The one that nobody read has been stopped by flow control long before its end.
    expect(written).toBeLessThan(4 * 16_777_216 - 8_000_000)
    expect((await textOf(slow.body)).length).toBe(16_777_216)
  })

  it('request() for a node without a tunnel says so and names the node', async () => {
    await expect(get('host-9', '/')).rejects.toMatchObject({
      code: 503,
      message: expect.stringContaining('host-9'),
    })
  })

  it('the newest tunnel of a node wins and the older one is closed', async () => {
    const first = await openTunnel('host-1', stream => stream.end('first'))
    const closed = once(first, 'close')
    await openTunnel('host-1', stream => stream.end('second'))
    await closed
    expect(await textOf((await get('host-1', '/')).body)).toBe('second')
    expect(tunnels.has('host-1')).toBe(true)
  })

  it('a tunnel that breaks fails what is being read, and the node is unreachable until it comes back', async () => {
    const socket = await openTunnel('host-1', stream => void stream.write('begin'))
    const answer = await get('host-1', '/')
    const reading = textOf(answer.body)
    socket.destroy()
    await expect(reading).rejects.toMatchObject({ code: 503, message: expect.stringContaining('host-1') })
    await vi.waitFor(() => expect(tunnels.has('host-1')).toBe(false))
    await openTunnel('host-1', stream => stream.end('back'))
    expect(await textOf((await get('host-1', '/')).body)).toBe('back')
  })

  it('aborting a request ends it on the agent too', async () => {
    const ended = vi.fn()
    await openTunnel('host-1', stream => {
      stream.write('begin')
      stream.on('close', ended)
    })
    const abort = new AbortController()
    const answer = await get('host-1', '/', abort.signal)
    const reading = textOf(answer.body)
    abort.abort()
    expect(await reading).toBeTypeOf('string')
    await vi.waitFor(() => expect(ended).toHaveBeenCalled())
  })

  it('a tunnel whose agent answers no ping is closed', async () => {
    const clock = new FakeClock()
    const silent = new Tunnels({ clock, log: silentLogger })
    silent.accept('host-2', new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() }))
    expect(silent.has('host-2')).toBe(true)
    await clock.advance(15_000)
    expect(silent.has('host-2')).toBe(true)
    await clock.advance(10_000)
    await vi.waitFor(() => expect(silent.has('host-2')).toBe(false))
    expect(clock.pending).toBe(0)
  })

  it('leaving the body unread half-way ends the request on the agent', async () => {
    const ended = vi.fn()
    await openTunnel('host-1', stream => {
      stream.write('begin')
      stream.on('close', ended)
    })
    for await (const _ of (await get('host-1', '/')).body) break
    await vi.waitFor(() => expect(ended).toHaveBeenCalled())
  })
})

describe('upgradeToTunnel()', () => {
  it('refuses whoever is not a node', async () => {
    const { response } = await upgrade(await certificateOf('bowline-admin', ['system:masters']))
    expect(response.statusCode).toBe(403)
  })

  it('refuses whoever has no certificate', async () => {
    expect((await upgrade(undefined)).response.statusCode).toBe(401)
  })

  it('refuses a certificate with the in-process group', async () => {
    const { response } = await upgrade(
      await certificateOf('system:node:x', ['system:nodes', 'bowline:system']),
    )
    expect(response.statusCode).toBe(401)
  })

  it('refuses every other path', async () => {
    const identity = await certificateOf('system:node:x', ['system:nodes'])
    expect((await upgrade(identity, '/api/v1/namespaces/a/pods/b/exec')).response.statusCode).toBe(404)
  })
})
