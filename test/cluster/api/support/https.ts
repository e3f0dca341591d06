import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { type Agent, request as httpsRequest } from 'node:https'
import type { TestApi, TestIdentity } from './api-server.ts'

export interface Reply {
  readonly code: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  /** The body as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of many shapes.
  readonly json: any
}

export interface Question {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer | object
  /** Default the admin; null for no certificate. */
  readonly as?: TestIdentity | null
  /** Whose connections are used; false for a new one, closed afterwards. Default those of the API's tests, which stay open. */
  readonly agent?: Agent | false
}

/** Sends one request exactly as it is written. */
export async function ask(api: TestApi, path: string, question: Question = {}): Promise<Reply> {
  const response = await open(api, path, question)
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString()
  return {
    code: response.statusCode ?? 0,
    headers: response.headers,
    text,
    get json() {
      return JSON.parse(text)
    },
  }
}

/** Sends a request and answers with the response as soon as its head is there; the caller reads or destroys it. */
export async function open(api: TestApi, path: string, question: Question = {}): Promise<IncomingMessage> {
  const { method = 'GET', headers = {}, body, as = api.admin, agent = api.connections } = question
  const isJson = typeof body === 'object' && !Buffer.isBuffer(body)
  const bytes = isJson
    ? Buffer.from(JSON.stringify(body))
    : body === undefined
      ? undefined
      : Buffer.from(body)
  // Node sends the body of a DELETE without its length otherwise.
  const length = method === 'DELETE' && bytes !== undefined ? { 'content-length': bytes.length } : {}
  const request = httpsRequest({
    host: '127.0.0.1',
    port: api.port,
    path,
    method,
    ca: api.authority.certificate,
    ...(as ?? {}),
    agent,
    headers: { ...(isJson ? { 'content-type': 'application/json' } : {}), ...length, ...headers },
  })
  return new Promise((resolve, reject) => {
    request.on('response', resolve)
    request.on('error', reject)
    request.end(bytes)
  })
}
