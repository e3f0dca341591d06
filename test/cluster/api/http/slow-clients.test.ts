import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LogFields, silentLogger } from '../../../../src/base/index.ts'
import { Kinds } from '../../../../src/kube/index.ts'
import { startTestApi, type TestApi } from '../support/api-server.ts'
import { ask, open } from '../support/https.ts'

const MAPS = '/api/v1/namespaces/default/configmaps'

const logged: LogFields[] = []
const log = { ...silentLogger, error: (_message: string, fields: LogFields = {}) => void logged.push(fields) }

let api: TestApi
/** It waits for nobody; what it did is asked in process. */
let hasty: TestApi

beforeAll(async () => {
  api = await startTestApi({ log })
  hasty = await startTestApi({ log, patience: { headersMs: 200, requestMs: 400, checkMs: 50 } })
})
afterAll(() => Promise.all([api.close(), hasty.close()]))

/** A connection of the admin on which nothing was said yet. */
function dial({ port, authority, admin }: TestApi): TLSSocket {
  const socket = connect({
    host: '127.0.0.1',
    port,
    ca: authority.certificate,
    checkServerIdentity: () => undefined,
    ...admin,
  })
  socket.on('error', () => undefined)
  return socket
}

/** What comes until the server closes the connection. */
async function untilClosed(socket: TLSSocket): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  await once(socket, 'close')
  return text
}

/** A create whose body lacks its last byte. */
function almostCreate(socket: TLSSocket, name: string): void {
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
  const head = ['Host: x', 'Content-Type: application/json', `Content-Length: ${body.length}`]
  socket.write(`POST ${MAPS} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n${body.slice(0, -1)}`)
}

async function namesIn({ client }: TestApi): Promise<readonly string[]> {
  const { items } = await client.list(Kinds.ConfigMap, { namespace: 'default' })
  return items.map(({ metadata }) => metadata.name ?? '')
}

describe('a client that sends too slowly', () => {
  it('is told so and cut off in the middle of its headers', async () => {
    const socket = dial(hasty)
    socket.write('GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ')
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 408 /)
  })

  it('is told so and cut off in the middle of its body, and nothing of it is kept or called an error', async () => {
    const socket = dial(hasty)
    almostCreate(socket, 'slow')
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 408 /)
    expect(await namesIn(hasty)).not.toContain('slow')
    expect(logged).toEqual([])
  })

  it('is no error of the server when it breaks off in the middle of its body', async () => {
    const socket = dial(api)
    almostCreate(socket, 'broken-off')
    await once(socket, 'secureConnect')
    socket.end()
    await untilClosed(socket)
    expect(await namesIn(api)).not.toContain('broken-off')
    expect(logged).toEqual([])
  })
})

describe('a watcher that does not read', () => {
  it('holds back neither writers nor other watchers, and is told to list again', async () => {
    const path = `${MAPS}?watch=1&labelSelector=burst`
    const [stuck, brisk] = await Promise.all([open(api, path), open(api, path)])
    const toldBrisk = eventsOf(brisk)
    // Together more than what sockets and the watcher's 16 MiB hold.
    const data = { text: 'x'.repeat(950_000) }
    const count = 36
    for (let index = 0; index < count; index += 1) {
      const metadata = { name: `burst-${index}`, labels: { burst: '' } }
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data }
      expect((await ask(api, MAPS, { method: 'POST', body })).code).toBe(201)
      expect(await toldBrisk.next()).toMatchObject({ value: { type: 'ADDED', name: `burst-${index}` } })
    }
    const told: { readonly type: string; readonly name: string }[] = []
    for await (const event of eventsOf(stuck)) told.push(event)
    expect(stuck.complete).toBe(true)
    expect(told.length).toBeLessThan(count)
    expect(told.at(-1)).toMatchObject({ type: 'ERROR', code: 410 })
    const inOrder = told.slice(0, -1).map((_, index) => `burst-${index}`)
    expect(told.slice(0, -1).map(({ name }) => name)).toEqual(inOrder)
    brisk.destroy()
  })
})

/** The events of a watch as they come, without what they carry. */
async function* eventsOf(
  response: IncomingMessage,
): AsyncGenerator<{ readonly type: string; readonly name: string; readonly code: number }> {
  for await (const line of createInterface({ input: response })) {
    const { type, object } = JSON.parse(line)
    yield { type, name: object.metadata.name, code: object.code }
  }
}
