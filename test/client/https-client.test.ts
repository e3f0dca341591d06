import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/index.ts'
import { createHttpsClient, type HttpsClient } from '../../src/client/index.ts'
import type { Kind, KubeObject } from '../../src/kube/index.ts'
import { createAuthority } from '../../src/pki/index.ts'
import { eventually } from '../base/eventually.ts'
import { startTlsServer, type TlsServer } from './tls-server.ts'

const PODS: Kind = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  categories: [],
  namespaced: true,
  verbs: ['get', 'list', 'watch', 'create'],
  subresources: ['status', 'binding'],
}

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void

let server: TlsServer
let client: HttpsClient
let handle: Handler
let warnings: string[]

beforeEach(async () => {
  warnings = []
  handle = (_, response) => response.writeHead(404).end()
  server = await startTlsServer((request, response, body) => handle(request, response, body))
  client = createHttpsClient({
    server: server.url,
    ca: server.authority.certificate,
    credentials: await server.issueClient('alice'),
    userAgent: 'bowline-test/1',
    fieldManager: 'tester',
    clock: systemClock,
    onWarning: text => warnings.push(text),
  })
})

afterEach(async () => {
  await client.close()
  await server.close()
})

function answer(response: ServerResponse, code: number, body: unknown, headers: object = {}): void {
  response
    .writeHead(code, { 'content-type': 'application/json', ...headers })
    .end(typeof body === 'string' ? body : JSON.stringify(body))
}

function pod(name: string, version: string = '1'): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'shop', resourceVersion: version } }
}

describe('createHttpsClient()', () => {
  it('sends each verb as the Kubernetes API expects it', async () => {
    const seen: string[] = []
    handle = (request, response, body) => {
      const type = request.headers['content-type'] ?? ''
      seen.push(`${request.method} ${request.url} ${type} ${body}`.trim())
      answer(response, 200, pod('web'))
    }
    const namespace = 'shop'
    const manager = 'fieldManager=tester&fieldValidation=Strict'
    await client.get(PODS, 'web', { namespace })
    await client.create(PODS, pod('web'))
    await client.update(PODS, pod('web'), {
      subresource: 'status',
      fieldManager: 'm',
      fieldValidation: 'Warn',
    })
    await client.patch(PODS, 'web', { type: 'merge', body: { a: 1 } }, { namespace, dryRun: true })
    await client.patch(PODS, 'web', { type: 'apply', body: pod('web'), force: true }, { namespace })
    await client.createSubresource(PODS, 'web', 'binding', pod('web'), { namespace })
    await client.delete(PODS, 'web', { namespace, gracePeriodSeconds: 0, preconditions: { uid: 'u' } })
    const body = JSON.stringify(pod('web'))
    const path = '/api/v1/namespaces/shop/pods'
    expect(seen).toEqual([
      `GET ${path}/web`,
      `POST ${path}?${manager} application/json ${body}`,
      `PUT ${path}/web/status?fieldManager=m&fieldValidation=Warn application/json ${body}`,
      `PATCH ${path}/web?${manager}&dryRun=All application/merge-patch+json {"a":1}`,
      `PATCH ${path}/web?${manager}&force=true application/apply-patch+yaml ${body}`,
      `POST ${path}/web/binding?${manager} application/json ${body}`,
      `DELETE ${path}/web application/json {"apiVersion":"v1","kind":"DeleteOptions","gracePeriodSeconds":0,"preconditions":{"uid":"u"}}`,
    ])
  })

  it('refuses an empty name or namespace instead of asking for a wider path', async () => {
    await expect(client.delete(PODS, '', { namespace: 'shop' })).rejects.toMatchObject({ code: 400 })
    await expect(client.delete(PODS, 'web')).rejects.toMatchObject({ code: 400 })
    await expect(client.create(PODS, { ...pod('web'), metadata: {} })).rejects.toMatchObject({ code: 400 })
  })

  it('list() fills in what the items of a list leave out, and freezes them', async () => {
    handle = (request, response) => {
      expect(request.url).toBe('/api/v1/pods?labelSelector=app%3Dweb&limit=2')
      answer(response, 200, {
        kind: 'PodList',
        apiVersion: 'v1',
        metadata: { resourceVersion: '7', continue: 'c', remainingItemCount: 3 },
        items: [{ metadata: { name: 'web' } }],
      })
    }
    const list = await client.list(PODS, { labelSelector: 'app=web', limit: 2 })
    expect(list).toEqual({
      items: [{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' } }],
      resourceVersion: '7',
      continue: 'c',
      remainingItemCount: 3,
    })
    expect(Object.isFrozen(list.items[0]?.metadata)).toBe(true)
  })

  it('throws a StatusError for a Status, and for a page that is none', async () => {
    handle = (_, response) =>
      answer(response, 409, {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        reason: 'AlreadyExists',
        message: 'pods "web" already exists',
        details: { name: 'web', kind: 'pods' },
        code: 409,
      })
    await expect(client.create(PODS, pod('web'))).rejects.toMatchObject({
      name: 'StatusError',
      reason: 'AlreadyExists',
      message: 'pods "web" already exists',
      details: { name: 'web' },
    })
    handle = (_, response) => answer(response, 403, '<html>')
    await expect(client.rawGet('/version')).rejects.toMatchObject({ reason: 'Forbidden', code: 403 })
  })

  it('tries again after the time that a busy server names', async () => {
    let asked = 0
    handle = (_, response) => {
      asked += 1
      if (asked < 3) answer(response, 429, {}, { 'retry-after': '0' })
      else answer(response, 200, pod('web'))
    }
    await client.create(PODS, pod('web'))
    expect(asked).toBe(3)
  })

  it('hands on warnings', async () => {
    handle = (_, response) => answer(response, 200, pod('web'), { warning: '299 - "owned by Git"' })
    await client.get(PODS, 'web', { namespace: 'shop' })
    expect(warnings).toEqual(['owned by Git'])
  })

  it('reads again over a new connection when a kept one was closed, but repeats no write', async () => {
    let asked = 0
    handle = (request, response) => {
      asked += 1
      if (asked === 1) request.socket.destroy()
      else answer(response, 200, pod('web'))
    }
    await expect(client.get(PODS, 'web', { namespace: 'shop' })).resolves.toMatchObject({ kind: 'Pod' })
    expect(asked).toBe(2)
    asked = 0
    await expect(client.create(PODS, pod('web'))).rejects.toMatchObject({
      code: 'unavailable',
      retryable: true,
    })
    expect(asked).toBe(1)
  })

  it('keeps its connections after a deletion that says how, as after every other request', async () => {
    const connections = new Set<unknown>()
    handle = ({ socket }, response) => {
      connections.add(socket)
      answer(response, 200, pod('web'))
    }
    const namespace = 'shop'
    for (let time = 0; time < 5; time += 1) await client.get(PODS, 'web', { namespace })
    const used = connections.size
    for (let time = 0; time < 5; time += 1)
      await client.delete(PODS, 'web', { namespace, preconditions: { uid: 'u' } })
    expect(connections.size).toBe(used)
  })

  it('throws a retryable unavailable when nobody listens', async () => {
    await server.close()
    await expect(client.rawGet('/version')).rejects.toMatchObject({ code: 'unavailable', retryable: true })
  })

  it('says at each request that its certificate cannot be read', async () => {
    const { certificate } = await server.issueClient('alice')
    const broken = createHttpsClient({
      server: server.url,
      ca: server.authority.certificate,
      credentials: { certificate, key: 'no key' },
      userAgent: 't',
      fieldManager: 't',
      clock: systemClock,
    })
    await expect(broken.rawGet('/version')).rejects.toMatchObject({ code: 'unavailable' })
    await broken.close()
  })

  it('throws a retryable timeout when no answer comes', async () => {
    handle = () => {}
    const hasty = createHttpsClient({
      server: server.url,
      ca: server.authority.certificate,
      credentials: { anonymous: true },
      userAgent: 't',
      fieldManager: 't',
      clock: systemClock,
      timeoutMs: 100,
    })
    await expect(hasty.rawGet('/version')).rejects.toMatchObject({ code: 'timeout', retryable: true })
    await hasty.close()
  })

  it('sends nothing to a server of another authority', async () => {
    let asked = 0
    handle = (_, response) => {
      asked += 1
      answer(response, 200, {})
    }
    const stranger = createHttpsClient({
      server: server.url,
      ca: (await createAuthority(systemClock)).certificate,
      credentials: { token: 'secret' },
      userAgent: 't',
      fieldManager: 't',
      clock: systemClock,
    })
    await expect(stranger.rawGet('/version')).rejects.toMatchObject({
      code: 'unauthorized',
      retryable: false,
    })
    await stranger.close()
    expect(asked).toBe(0)
  })

  it('proves who it is by certificate or token, and setCredentials() changes it while running', async () => {
    const users: string[] = []
    handle = (request, response) => {
      const subject = (request.socket as TLSSocket).getPeerCertificate().subject
      users.push(request.headers.authorization ?? String(subject.CN))
      answer(response, 200, {})
    }
    await client.rawGet('/version')
    client.setCredentials(await server.issueClient('bob'))
    await client.rawGet('/version')
    client.setCredentials({ token: 'abc' })
    await client.rawGet('/version')
    expect(users).toEqual(['alice', 'bob', 'Bearer abc'])
  })

  it('watch() yields events whatever the chunks, and follows on through a change of credentials', async () => {
    let stream: ServerResponse | undefined
    handle = (request, response) => {
      expect(request.url).toBe(
        '/api/v1/namespaces/shop/pods?watch=true&allowWatchBookmarks=true&resourceVersion=4',
      )
      response.writeHead(200, { 'content-type': 'application/json' })
      stream = response
      const line = JSON.stringify({ type: 'ADDED', object: pod('wéb', '5') })
      const bytes = Buffer.from(`${line}\n${line.slice(0, 10)}`)
      const cut = bytes.indexOf(0xc3) + 1
      response.write(bytes.subarray(0, cut))
      setImmediate(() => {
        response.write(bytes.subarray(cut))
        setImmediate(() => response.write(`${line.slice(10)}\n`))
      })
    }
    const abort = new AbortController()
    const names: unknown[] = []
    for await (const event of client.watch(PODS, {
      namespace: 'shop',
      resourceVersion: '4',
      signal: abort.signal,
    })) {
      names.push(event.object.metadata.name)
      if (names.length === 2) {
        client.setCredentials({ token: 'abc' })
        stream?.write(`${JSON.stringify({ type: 'DELETED', object: pod('last') })}\n`)
        stream?.end()
      }
    }
    expect(names).toEqual(['wéb', 'wéb', 'last'])
  })

  it('reconnect() gives up what hangs, and what comes next is answered', async () => {
    const asked: string[] = []
    handle = (request, response) => {
      asked.push(request.url ?? '')
      // As by a host that is gone: neither an answer nor an end.
      if (asked.length > 2) answer(response, 200, pod('web'))
    }
    const read = client.get(PODS, 'web', { namespace: 'shop' })
    const { signal } = new AbortController()
    const followed = client.watch(PODS, { resourceVersion: '4', signal })[Symbol.asyncIterator]().next()
    const ends = Promise.allSettled([read, followed])
    await eventually('both to hang', () => asked.length === 2)
    client.reconnect()
    for (const end of await ends)
      expect(end).toMatchObject({ reason: { code: 'unavailable', retryable: true } })
    expect(await client.get(PODS, 'web', { namespace: 'shop' })).toEqual(pod('web'))
  })

  it('onRegained() tells once when the server answers after it did not; a refusal is an answer', async () => {
    let regained = 0
    const unsubscribe = client.onRegained(() => {
      regained += 1
    })
    const ask = () => client.get(PODS, 'web', { namespace: 'shop' }).catch(() => undefined)
    await ask()
    expect(regained).toBe(0)
    const refuse = handle
    handle = request => request.socket.destroy()
    await ask()
    await ask()
    expect(regained).toBe(0)
    handle = refuse
    await ask()
    await ask()
    expect(regained).toBe(1)
    unsubscribe()
    handle = request => request.socket.destroy()
    await ask()
    handle = refuse
    await ask()
    expect(regained).toBe(1)
  })

  it('watch() throws the Status of an ERROR event', async () => {
    const status = { kind: 'Status', reason: 'Expired', code: 410, message: 'too old' }
    handle = (_, response) => answer(response, 200, `${JSON.stringify({ type: 'ERROR', object: status })}\n`)
    const next = client.watch(PODS, { signal: new AbortController().signal })[Symbol.asyncIterator]().next()
    await expect(next).rejects.toMatchObject({ reason: 'Expired', code: 410 })
  })

  it('watch() and stream() end quietly on abort and free their connections', async () => {
    handle = (_, response) => {
      response.writeHead(200)
      response.write(`${JSON.stringify({ type: 'ADDED', object: pod('web') })}\n`)
    }
    const abort = new AbortController()
    const watching = (async () => {
      for await (const _ of client.watch(PODS, { signal: abort.signal }));
    })()
    const streaming = (async () => {
      for await (const _ of client.stream('/log', abort.signal));
    })()
    await eventually('two streams', () => server.sockets.size === 2)
    abort.abort()
    await Promise.all([watching, streaming])
    await eventually('no connection', () => server.sockets.size === 0)
  })

  it('watches leave room for requests', async () => {
    handle = (request, response) => {
      if (request.url?.includes('watch=true')) response.writeHead(200).flushHeaders()
      else answer(response, 200, {})
    }
    const abort = new AbortController()
    const watching = Array.from({ length: 50 }, async () => {
      for await (const _ of client.watch(PODS, { signal: abort.signal }));
    })
    await eventually('50 watches', () => server.sockets.size >= 50)
    await client.rawGet('/version')
    abort.abort()
    await Promise.all(watching)
  })

  it('an aborted request rejects as aborted', async () => {
    handle = () => {}
    const abort = new AbortController()
    const asking = client.get(PODS, 'web', { namespace: 'shop', signal: abort.signal })
    await eventually('a connection', () => server.sockets.size === 1)
    abort.abort()
    await expect(asking).rejects.toMatchObject({ name: 'AbortError' })
  })
})
