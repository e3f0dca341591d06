import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { createGunzip } from 'node:zlib'
import { describe, expect, it, vi } from 'vitest'
import { Cancellation } from '../../../../src/base/index.ts'
import { chunkOf } from '../../../../src/cluster/api/http/chunk.ts'
import { sendAnswer } from '../../../../src/cluster/api/http/send.ts'
import { FakeClock } from '../../../base/fake-clock.ts'

describe('sendAnswer()', () => {
  it('cuts a client off that takes nothing of a stream for longer than its patience, and asks for nothing more', async () => {
    const clock = new FakeClock()
    let pulled = 0
    let sent: Promise<void> | undefined
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        pulled += 1
        yield Buffer.alloc(64 * 1024)
      }
    }
    const server = createServer((_, response) => {
      sent = sendAnswer(
        response,
        { type: 'stream', code: 200, contentType: 'text/plain', body: endless(), patienceMs: 60_000 },
        { auditId: '', warnings: [], acceptEncoding: undefined, clock, cancellation: new Cancellation() },
      )
      sent.catch(() => undefined)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false })
    const [response] = await once(request, 'response')
    response.pause()
    response.on('error', () => undefined)
    const closed = new Promise(resolve => response.once('close', resolve))
    await vi.waitFor(async () => {
      const before = pulled
      await new Promise(resolve => setTimeout(resolve, 50))
      expect([pulled, clock.pending]).toEqual([before, 1])
    })
    await clock.advance(60_001)
    await expect(sent).rejects.toThrow('takes nothing')
    response.resume()
    await closed
    expect(response.complete).toBe(false)
    expect(clock.pending).toBe(0)
    server.close()
  })

  it.each(['identity', 'gzip'])(
    'holds little of a large answer for a client that takes nothing of it, and gives it whole: %s',
    async encoding => {
      // Of random bytes, which compress to themselves; the same ones, as entries of a list are for all who read it.
      const piece = randomBytes(64 * 1024)
      const body = Array.from({ length: 1_000 }, () => piece)
      let held: (() => number) | undefined
      const server = createServer((_, response) => {
        const { socket } = response
        held = () => response.writableLength + (socket?.writableLength ?? 0)
        const cancellation = new Cancellation()
        const options = {
          auditId: '',
          warnings: [],
          acceptEncoding: encoding,
          clock: new FakeClock(),
          cancellation,
        }
        void sendAnswer(response, { type: 'bytes', code: 200, body }, options)
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false })
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      response.pause()
      await vi.waitFor(async () => {
        const before = held?.()
        await new Promise(resolve => setTimeout(resolve, 50))
        expect(held?.()).toBe(before)
      })
      expect(held?.()).toBeLessThan(2 * 1024 * 1024)
      const plain = encoding === 'gzip' ? response.pipe(createGunzip()) : response
      let length = 0
      for await (const chunk of plain as AsyncIterable<Buffer>) length += chunk.length
      expect(length).toBe(body.length * piece.length)
      server.close()
    },
  )

  it('ends with a client that goes away in the middle of a large answer', async () => {
    const cancellation = new Cancellation()
    let sent: Promise<void> | undefined
    const server = createServer((_, response) => {
      response.once('close', () => cancellation.cancel(new Error('gone')))
      const body = Array.from({ length: 1_000 }, () => Buffer.alloc(64 * 1024))
      const options = {
        auditId: '',
        warnings: [],
        acceptEncoding: undefined,
        clock: new FakeClock(),
        cancellation,
      }
      sent = sendAnswer(response, { type: 'bytes', code: 200, body }, options)
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false })
    request.on('error', () => undefined)
    const [response] = await once(request, 'response')
    response.on('error', () => undefined)
    response.destroy()
    await sent
    server.close()
  })

  it('leaves it to its caller to refuse what was given up while it was compressed', async () => {
    const cancellation = new Cancellation()
    let sent: Promise<void> | undefined
    const server = createServer((_, response) => {
      sent = sendAnswer(
        response,
        { type: 'bytes', code: 200, body: [Buffer.alloc(1024 * 1024)] },
        { auditId: '', warnings: [], acceptEncoding: 'gzip', clock: new FakeClock(), cancellation },
      )
      cancellation.cancel(new Error('too late'))
      sent.catch(() => response.writeHead(504).end())
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const request = get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, agent: false })
    const [response] = await once(request, 'response')
    await expect(sent).rejects.toThrow('too late')
    expect(response.statusCode).toBe(504)
    response.resume()
    server.close()
  })

  it.each([
    ['chunks to a client of HTTP/1.1', '1.1', '5\r\none\n\n\r\n3\r\ntwo\r\n0\r\n\r\n'],
    ['what is in them to a client of HTTP/1.0', '1.0', 'one\n\ntwo'],
  ])('sends what is in chunks already as %s', async (_, version, expected) => {
    async function* chunks(): AsyncGenerator<Buffer> {
      yield chunkOf(Buffer.from('one\n\n'))
      yield chunkOf(Buffer.from('two'))
    }
    const server = createServer((_request, response) => {
      const cancellation = new Cancellation()
      void sendAnswer(
        response,
        { type: 'stream', code: 200, contentType: 'text/plain', body: chunks(), isChunked: true },
        { auditId: '', warnings: [], acceptEncoding: undefined, clock: new FakeClock(), cancellation },
      )
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write(`GET / HTTP/${version}\r\nHost: x\r\nConnection: close\r\n\r\n`)
    let text = ''
    for await (const bytes of socket) text += String(bytes)
    const [head = '', ...body] = text.split('\r\n\r\n')
    expect(body.join('\r\n\r\n')).toBe(expected)
    expect(/^transfer-encoding: chunked$/im.test(head)).toBe(version === '1.1')
    server.close()
  })
})
