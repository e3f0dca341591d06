import { once } from 'node:events'
import { constants } from 'node:http2'
import { createInterface } from 'node:readline'
import { connect } from 'node:tls'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { type Clock, type LogFields, silentLogger, systemClock } from '../../../../src/base/index.ts'
import { Kinds } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { askHttp2, beginHttp2, dialHttp2, replyOf } from '../support/http2.ts'
import { ask } from '../support/https.ts'
import { allowEverything } from '../support/roles.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'
const WATCH = `${MAPS}?watch=1&resourceVersion=0`

const bugs: LogFields[] = []
const log = { ...silentLogger, error: (_message: string, fields: LogFields = {}) => void bugs.push(fields) }
/** What idle connections wait for, and what makes it happen. */
const IDLE_MS = 90_000
const longWaits = new Set<() => void>()
const clock: Clock = {
  ...systemClock,
  after(ms, callback) {
    if (ms !== IDLE_MS) return systemClock.after(ms, callback)
    longWaits.add(callback)
    return () => longWaits.delete(callback)
  },
}

let api: TestApi
const closing: (() => unknown)[] = []

beforeAll(async () => {
  api = await startTestApi({ log, clock, limits: { streams: 400, reads: 400, writes: 400 } })
})
afterEach(() => {
  for (const close of closing.splice(0)) close()
  expect(bugs.splice(0)).toEqual([])
})
afterAll(() => api.close())

async function dial(...rest: [as?: Parameters<typeof dialHttp2>[1]]) {
  const session = await dialHttp2(api, ...rest)
  closing.push(() => session.destroy())
  return session
}

function configMap(name: string, text = 'x'): object {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text } }
}

describe('the API over HTTP/2', () => {
  it('answers as over HTTP/1.1', async () => {
    const session = await dial()
    expect((await askHttp2(session, MAPS, { method: 'POST', body: configMap('same') })).code).toBe(201)
    for (const [path, question] of [
      [`${MAPS}/same`, {}],
      [`${MAPS}/none`, {}],
      [MAPS, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } }],
      [`${MAPS}?limit=x`, {}],
      ['/api', {}],
      ['/nowhere', {}],
      ['/%zz', {}],
      [MAPS, { method: 'POST', body: configMap('same') }],
      [MAPS, { method: 'POST', body: configMap('Bad Name') }],
      [MAPS, { method: 'POST', body: 'rubbish', headers: { 'content-type': 'application/json' } }],
      [MAPS, { method: 'POST', body: '<a/>', headers: { 'content-type': 'text/xml' } }],
      [`${MAPS}/same`, { headers: { 'if-none-match': 'x', 'accept-encoding': 'gzip' } }],
    ] as const) {
      const [two, one] = await Promise.all([askHttp2(session, path, question), ask(api, path, question)])
      expect([two.code, withoutTimes(two.text)], path).toEqual([one.code, withoutTimes(one.text)])
      expect(two.headers['content-type']).toBe(one.headers['content-type'])
      expect(two.headers['content-length']).toBe(one.headers['content-length'])
    }
  })

  it('warns, and impersonates with values that a header brings several times', async () => {
    const session = await dial()
    const warned = await askHttp2(session, `${MAPS}?fieldValidation=Warn`, {
      method: 'POST',
      body: { ...configMap('warned'), one: 1, two: 2 },
    })
    expect(warned.headers.warning).toBe('299 - "unknown field \\"one\\"", 299 - "unknown field \\"two\\""')
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
    const { json } = await askHttp2(session, '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      method: 'POST',
      body: review,
      headers: {
        'impersonate-user': 'eve',
        'impersonate-group': ['devs', 'ops'],
        'impersonate-extra-scopes': ['a', 'b'],
      },
    })
    expect(json.status.userInfo).toEqual({
      username: 'eve',
      groups: ['devs', 'ops', 'system:authenticated'],
      extra: { scopes: ['a', 'b'] },
    })
  })

  it('knows nobody without a certificate or a token, and takes no more of such a connection', async () => {
    const session = await dial(null)
    const gone = once(session, 'goaway')
    expect((await askHttp2(session, MAPS)).code).toBe(401)
    await gone
    await once(session, 'close')
  })

  it('tells hundreds of watches of one connection, each of which ends by itself', async () => {
    const session = await dial()
    const count = 200
    const watches = await Promise.all(
      Array.from({ length: count }, async () => {
        const stream = beginHttp2(session, `${WATCH}&fieldSelector=metadata.name%3Dwatched`)
        const answered = once(stream, 'response')
        const lines = createInterface({ input: stream })[Symbol.asyncIterator]()
        await answered
        return { stream, next: async () => JSON.parse((await lines.next()).value as string) }
      }),
    )
    const told = watches.map(watch => watch.next())
    await ask(api, MAPS, { method: 'POST', body: configMap('watched', 'y'.repeat(40_000)) })
    for (const event of await Promise.all(told))
      expect([event.type, event.object.data.text.length]).toEqual(['ADDED', 40_000])
    // The half of them goes, and the others hear of what comes next.
    for (const { stream } of watches.slice(count / 2)) stream.close(constants.NGHTTP2_CANCEL)
    const rest = watches.slice(0, count / 2).map(watch => watch.next())
    await ask(api, `${MAPS}/watched`, { method: 'DELETE' })
    for (const event of await Promise.all(rest)) expect(event.type).toBe('DELETED')
  })

  it('gives the place of a request back whose client breaks it off', async () => {
    const few = await startTestApi({ log, limits: { streams: 16 } })
    closing.push(() => few.close())
    const session = await dialHttp2(few, await few.identity('eve', ['devs']))
    closing.push(() => session.destroy())
    const status = async (stream: ReturnType<typeof beginHttp2>): Promise<unknown> =>
      ((await once(stream, 'response')) as [{ ':status': number }])[0][':status']
    await allowEverything(few, 'devs')
    await vi.waitFor(async () => expect((await askHttp2(session, MAPS)).code).toBe(200))
    const open = [1, 2, 3, 4].map(() => beginHttp2(session, WATCH))
    expect(await Promise.all(open.map(status))).toEqual([200, 200, 200, 200])
    const refused = await askHttp2(session, WATCH)
    expect([refused.code, refused.headers['retry-after']]).toEqual([429, '1'])
    open[0]?.close(constants.NGHTTP2_CANCEL)
    await vi.waitFor(async () => {
      const again = beginHttp2(session, WATCH)
      expect(await status(again)).toBe(200)
    })
  })

  it('refuses a body that is too large and goes on with the connection', async () => {
    const session = await dial()
    const stream = beginHttp2(session, MAPS, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    const reply = replyOf(stream)
    // As far as it is taken: what is not read holds the client back.
    const piece = Buffer.alloc(64 * 1024, ' ')
    const pour = (): void => {
      while (!stream.destroyed && stream.write(piece));
      if (!stream.destroyed) stream.once('drain', pour)
    }
    pour()
    expect((await reply).code).toBe(413)
    if (!stream.closed) await once(stream, 'close')
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR)
    expect((await askHttp2(session, '/readyz')).text).toBe('ok')
  })

  it('answers with much and with little over one connection at once', async () => {
    const session = await dial()
    const list = '/api/v1/namespaces/large/configmaps'
    await ask(api, '/api/v1/namespaces', {
      method: 'POST',
      body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'large' } },
    })
    for (let index = 0; index < 12; index += 1)
      await ask(api, list, { method: 'POST', body: configMap(`m${index}`, 'z'.repeat(1_000_000)) })
    const stuck = beginHttp2(session, list)
    await once(stuck, 'response')
    const lists = [1, 2, 3].map(() => askHttp2(session, list))
    const small = Array.from({ length: 20 }, () => askHttp2(session, '/readyz'))
    expect((await Promise.all(small)).map(({ text }) => text)).toEqual(Array(20).fill('ok'))
    for (const { json } of await Promise.all(lists)) expect(json.items).toHaveLength(12)
    stuck.close(constants.NGHTTP2_CANCEL)
  })

  it('lives through what is no HTTP/2', async () => {
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(
          fc.record({
            type: fc.integer({ min: 0, max: 12 }),
            flags: fc.integer({ min: 0, max: 255 }),
            stream: fc.constantFrom(0, 1, 2, 3, 0x7fffffff),
            length: fc.option(fc.constantFrom(0, 0xffffff), { nil: undefined }),
            payload: fc.uint8Array({ maxLength: 64 }),
          }),
          { maxLength: 8 },
        ),
        async (isGreeted, frames) => {
          const socket = connect({
            host: '127.0.0.1',
            port: api.port,
            ca: api.authority.certificate,
            checkServerIdentity: () => undefined,
            ALPNProtocols: ['h2'],
            ...api.admin,
          })
          socket.on('error', () => undefined)
          socket.resume()
          await once(socket, 'secureConnect')
          if (isGreeted) socket.write(preface)
          for (const { type, flags, stream, length, payload } of frames) {
            const head = Buffer.alloc(9)
            head.writeUIntBE(length ?? payload.length, 0, 3)
            head.writeUInt8(type, 3)
            head.writeUInt8(flags, 4)
            head.writeUInt32BE(stream, 5)
            socket.write(Buffer.concat([head, payload]))
          }
          socket.end()
          await once(socket, 'close')
        },
      ),
      { numRuns: 60, seed: 20_261_128 },
    )
    expect((await ask(api, '/readyz')).text).toBe('ok')
  })

  it('refuses headers that are too large or too many', async () => {
    for (const headers of [
      { 'x-large': 'x'.repeat(60_000) },
      Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, 'x'])),
    ]) {
      const session = await dial()
      // A client knows the bounds by then; before, nghttp2's own of 64 KiB holds.
      expect((await askHttp2(session, '/readyz')).code).toBe(200)
      const stream = beginHttp2(session, '/readyz', { headers })
      let isAnswered = false
      stream.on('response', () => {
        isAnswered = true
      })
      await new Promise<void>(resolve => stream.once('close', resolve))
      expect([isAnswered, stream.rstCode]).toEqual([false, constants.NGHTTP2_ENHANCE_YOUR_CALM])
    }
  })

  it('ends a request whose body does not come, as over HTTP/1.1', async () => {
    const session = await dial()
    const stream = beginHttp2(session, `${MAPS}?timeout=1s`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    })
    stream.write('{')
    const { code, json } = await replyOf(stream)
    expect([code, json.reason]).toEqual([504, 'Timeout'])
  })

  it('lives through thousands of requests that are broken off at once', async () => {
    const others = await dial()
    for (let round = 0; round < 5; round += 1) {
      const session = await dial()
      for (let index = 0; index < 400; index += 1) {
        if (session.destroyed) break
        const stream = beginHttp2(session, index % 2 === 0 ? WATCH : MAPS)
        stream.close(constants.NGHTTP2_CANCEL)
      }
      expect((await askHttp2(others, '/readyz')).text).toBe('ok')
    }
    // Nothing is left of them.
    const watch = beginHttp2(others, WATCH)
    expect(((await once(watch, 'response')) as [{ ':status': number }])[0][':status']).toBe(200)
  })

  it('ends a connection that has had no request for long, and none that has', async () => {
    const [idle, busy] = [await dial(), await dial()]
    expect((await askHttp2(idle, '/readyz')).code).toBe(200)
    const watch = beginHttp2(busy, WATCH)
    await once(watch, 'response')
    const ended = once(idle, 'close')
    await vi.waitFor(() => expect(longWaits.size).toBeGreaterThan(0))
    for (const end of [...longWaits]) end()
    await ended
    const lines = createInterface({ input: watch })[Symbol.asyncIterator]()
    await api.client.create(Kinds.ConfigMap, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'still', namespace: 'default' },
    })
    for (;;) {
      const { value } = await lines.next()
      if (JSON.parse(value as string).object.metadata.name === 'still') break
    }
    expect(busy.destroyed).toBe(false)
  })

  it('ends with the server: what is under way is told, and every connection closes', async () => {
    const ending = await startTestApi({ log })
    const session = await dialHttp2(ending)
    const idle = await dialHttp2(ending)
    const watch = beginHttp2(session, WATCH)
    const [head] = (await once(watch, 'response')) as [{ ':status': number }]
    expect(head[':status']).toBe(200)
    const ended = [session, idle].map(each => once(each, 'close'))
    const whole = replyRest(watch)
    await ending.close()
    await Promise.all(ended)
    // Its body has come to its end, and was not cut.
    await whole
  })
})

/** What happens anew each time. */
function withoutTimes(text: string): string {
  return text.replaceAll(/"(?:auditID|uid)":"[^"]*"/g, '')
}

async function replyRest(stream: ReturnType<typeof beginHttp2>): Promise<void> {
  stream.resume()
  await once(stream, 'end')
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR)
}
