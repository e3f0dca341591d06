import { once } from 'node:events'
import { type OutgoingHttpHeader, ServerResponse } from 'node:http'
import { Readable, type Writable } from 'node:stream'
import { promisify } from 'node:util'
import { createGzip, gzip as gzipCallback } from 'node:zlib'
import type { Cancellation, Clock } from '../../../base/index.ts'
import { StatusError } from '../../../kube/index.ts'
import type { Answer, BytesAnswer, StreamAnswer } from './answer.ts'
import { LAST_CHUNK, pieceOf } from './chunk.ts'
import { type ApiResponse, cut, isGone, writeHead } from './message.ts'

const gzip = promisify(gzipCallback)

/** Answers shorter than this are not worth compressing (apiserver `pkg/endpoints/handlers/responsewriters`: 128 KiB). */
const GZIP_FROM_BYTES = 128 * 1024

/** All warnings of an answer together (apiserver `pkg/endpoints/filters/warning.go`). */
const MAX_WARNING_CHARACTERS = 4096

/** An answer up to this size is written in one piece: copying so little costs less than writing another. */
const ONE_PIECE_BYTES = 16 * 1024

/**
 * A larger answer is written as its client takes it. What Node is given at once it encrypts at once, so that each client that reads slowly, or
 * not at all, would hold a copy of a list whose objects all others share.
 */
const PACED_FROM_BYTES = 1024 * 1024
/** So much of it is written before anybody asks whether the client takes it. */
const STRIDE_BYTES = 256 * 1024

export interface SendOptions {
  /** Names the request in the log. */
  readonly auditId: string
  readonly warnings: readonly string[]
  readonly acceptEncoding: string | undefined
  readonly clock: Clock
  readonly cancellation: Cancellation
}

/**
 * Writes an answer. Resolves when it is written or the client has gone; a stream that fails ends the connection. Rejects with the reason
 * of a cancellation that comes before anything was written.
 */
export async function sendAnswer(response: ApiResponse, answer: Answer, options: SendOptions): Promise<void> {
  if (answer.type === 'bytes') return sendBytes(response, answer, options)
  if (answer.type === 'stream') return sendStream(response, answer, options)
  if (answer.type === 'pieces') {
    const compress = takesGzip(options)
    return sendPaced(response, answer, { ...options, length: undefined, compress })
  }
  writeHead(response, 304, headersOf(options, answer.headers))
  response.end()
}

async function sendBytes(response: ApiResponse, answer: BytesAnswer, options: SendOptions): Promise<void> {
  const { cancellation } = options
  const length = answer.body.reduce((total, piece) => total + piece.length, 0)
  const compress = length >= GZIP_FROM_BYTES && takesGzip(options)
  if (length > PACED_FROM_BYTES) return sendPaced(response, answer, { ...options, length, compress })
  const isOne = compress || length <= ONE_PIECE_BYTES
  const whole = isOne ? Buffer.concat(answer.body, length) : undefined
  // Level 1: lists are repetitive and the server's time is worth more than the last tenth of their size.
  const body = compress && whole !== undefined ? await gzip(whole, { level: 1 }) : whole
  if (isGone(response)) return
  if (cancellation.isOver) throw cancellation.reason
  const headers = headersOf(options, answer.headers)
  headers.push('content-type', answer.contentType ?? 'application/json')
  headers.push('content-length', body?.length ?? length)
  if (compress) headers.push('content-encoding', 'gzip', 'vary', 'Accept-Encoding')
  writeHead(response, answer.code, headers)
  const sink: Writable = response
  if (body === undefined) {
    sink.cork()
    for (const piece of answer.body) sink.write(piece)
  }
  sink.end(body)
}

function takesGzip({ acceptEncoding = '' }: SendOptions): boolean {
  return /\bgzip\b/.test(acceptEncoding)
}

async function sendPaced(
  response: ApiResponse,
  answer: Omit<BytesAnswer, 'body' | 'type'> & { readonly body: Iterable<Buffer> },
  options: SendOptions & { readonly length: number | undefined; readonly compress: boolean },
): Promise<void> {
  const { clock, cancellation, length, compress } = options
  if (isGone(response)) return
  if (cancellation.isOver) throw cancellation.reason
  const headers = headersOf(options, answer.headers)
  headers.push('content-type', answer.contentType ?? 'application/json')
  if (compress) headers.push('content-encoding', 'gzip', 'vary', 'Accept-Encoding')
  else if (length !== undefined) headers.push('content-length', length)
  writeHead(response, answer.code, headers)
  const sink: Writable = response
  try {
    for await (const pieces of compress ? zipped(answer.body) : strides(answer.body)) {
      let isTaken = true
      sink.cork()
      for (const piece of pieces) isTaken = sink.write(piece) && isTaken
      sink.uncork()
      if (!isTaken) await drained(sink, undefined, clock, cancellation.signal)
      if (cancellation.isOver) throw cancellation.reason
    }
    sink.end()
  } catch (error) {
    // The headers are out: cutting the connection is the only way left to say that the body is not whole.
    cut(response)
    if (!cancellation.isOver) throw error
  }
}

function* strides(body: Iterable<Buffer>): Generator<readonly Buffer[]> {
  let pieces: Buffer[] = []
  let length = 0
  for (const piece of body) {
    pieces.push(piece)
    length += piece.length
    if (length < STRIDE_BYTES) continue
    yield pieces
    pieces = []
    length = 0
  }
  yield pieces
}

async function* zipped(body: Iterable<Buffer>): AsyncGenerator<readonly Buffer[]> {
  const zip = createGzip({ level: 1, chunkSize: STRIDE_BYTES })
  for await (const chunk of Readable.from(body).pipe(zip) as AsyncIterable<Buffer>) yield [chunk]
}

/** Names and values by turns, as Node takes them fastest. */
function headersOf(
  { auditId, warnings }: SendOptions,
  own: Readonly<Record<string, string>> = {},
): OutgoingHttpHeader[] {
  const headers: OutgoingHttpHeader[] = ['audit-id', auditId, 'cache-control', 'no-cache, private']
  for (const name in own) headers.push(name, own[name] as string)
  if (warnings.length > 0) headers.push('warning', [...warningHeaders(warnings)])
  return headers
}

async function sendStream(response: ApiResponse, answer: StreamAnswer, options: SendOptions): Promise<void> {
  const { clock, cancellation } = options
  const headers = headersOf(options)
  headers.push('content-type', answer.contentType, 'x-content-type-options', 'nosniff')
  // Node says so, too, but would make chunks of the pieces anew for each client: four writes instead of one.
  const inChunks = answer.isChunked === true && takesChunks(response)
  if (inChunks) headers.push('transfer-encoding', 'chunked')
  writeHead(response, answer.code, headers)
  if (inChunks) response.chunkedEncoding = false
  // A watch may have nothing to say for a long time; its client waits for the headers. HTTP/2 has sent them.
  if (response instanceof ServerResponse) response.flushHeaders()
  const sink: Writable = response
  try {
    for await (const piece of answer.body) {
      if (cancellation.isOver) break
      const bytes = answer.isChunked === true && !inChunks ? pieceOf(piece) : piece
      if (!sink.write(bytes)) await drained(sink, answer.patienceMs, clock, cancellation.signal)
    }
    sink.end(inChunks ? LAST_CHUNK : undefined)
  } catch (error) {
    // The headers are out: cutting the connection is the only way left to say that the body is not whole.
    cut(response)
    if (!cancellation.isOver) throw error
  }
}

/** HTTP/1.1 has chunks; HTTP/1.0 has no parts of a body, and HTTP/2 frames of its own. */
function takesChunks(response: ApiResponse): response is ServerResponse {
  return response instanceof ServerResponse && response.useChunkedEncodingByDefault
}

/** Until the client has taken what was written; rejects when it takes longer than its patience, or the signal aborts. */
async function drained(
  sink: Writable,
  patienceMs: number | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (patienceMs === undefined) {
    await once(sink, 'drain', { signal })
    return
  }
  const patience = new AbortController()
  const cancel = clock.after(patienceMs, () => patience.abort())
  try {
    await once(sink, 'drain', { signal: AbortSignal.any([signal, patience.signal]) })
  } catch (error) {
    if (!patience.signal.aborted) throw error
    throw new StatusError('Expired', 'The client takes nothing of what it asked for')
  } finally {
    cancel()
  }
}

/** `299 - "text"` for each warning, within the bound of all of them together; texts lose what a header cannot hold. */
function warningHeaders(warnings: readonly string[]): readonly string[] {
  const headers: string[] = []
  let left = MAX_WARNING_CHARACTERS
  for (const text of new Set(warnings)) {
    const safe = text.replace(/[^\x20-\x7e]/g, '?').slice(0, left)
    if (safe === '') break
    left -= safe.length
    headers.push(`299 - "${safe.replace(/["\\]/g, '\\$&')}"`)
  }
  return headers
}
