import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from 'node:http2'
import type { TestApi, TestIdentity } from './api-server.ts'

export interface Http2Reply {
  readonly code: number
  readonly headers: { readonly [name: string]: unknown }
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  readonly json: any
}

export interface Http2Question {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | object
}

/** A connection that speaks HTTP/2, as the admin unless another is named; null for no certificate. */
export async function dialHttp2(
  { port, authority, admin }: TestApi,
  as: TestIdentity | null = admin,
): Promise<ClientHttp2Session> {
  const session = connect(`https://127.0.0.1:${port}`, {
    ca: authority.certificate,
    checkServerIdentity: () => undefined,
    ...(as ?? {}),
  })
  session.on('error', () => undefined)
  await once(session, 'connect')
  return session
}

/** Begins a request; the caller writes its body, reads the answer or breaks it off. */
export function beginHttp2(
  session: ClientHttp2Session,
  path: string,
  { method = 'GET', headers = {} }: Http2Question = {},
): ClientHttp2Stream {
  const stream = session.request(
    { ':method': method, ':path': path, ...headers },
    { endStream: method === 'GET' || method === 'HEAD' },
  )
  stream.on('error', () => undefined)
  return stream
}

/** Sends one request over a connection that speaks HTTP/2. */
export async function askHttp2(
  session: ClientHttp2Session,
  path: string,
  question: Http2Question = {},
): Promise<Http2Reply> {
  const { body, headers = {} } = question
  const isJson = typeof body === 'object'
  const stream = beginHttp2(session, path, {
    ...question,
    headers: { ...(isJson ? { 'content-type': 'application/json' } : {}), ...headers },
  })
  if (stream.writable) stream.end(isJson ? JSON.stringify(body) : body)
  return replyOf(stream)
}

/** The whole answer of a request that was begun; rejects when it was broken off. */
export async function replyOf(stream: ClientHttp2Stream): Promise<Http2Reply> {
  const answered = once(stream, 'response')
  const chunks: Buffer[] = []
  const [headers] = (await answered) as [{ readonly [name: string]: unknown }]
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(stream, 'end')
  const text = Buffer.concat(chunks).toString()
  return {
    code: headers[':status'] as number,
    headers,
    text,
    get json() {
      return JSON.parse(text)
    },
  }
}
