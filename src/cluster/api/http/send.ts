import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { promisify } from 'node:util'
import { gzip as gzipCallback } from 'node:zlib'
import type { Clock } from '../../../base/index.ts'
import { StatusError } from '../../../kube/index.ts'
import type { Answer, BytesAnswer, StreamAnswer } from './answer.ts'

const gzip = promisify(gzipCallback)

/** Answers shorter than this are not worth compressing (apiserver `pkg/endpoints/handlers/responsewriters`: 128 KiB). */
const GZIP_FROM_BYTES = 128 * 1024

/** All warnings of an answer together (apiserver `pkg/endpoints/filters/warning.go`). */
const MAX_WARNING_CHARACTERS = 4096

export interface SendOptions {
  readonly warnings: readonly string[]
  readonly acceptEncoding: string | undefined
  readonly clock: Clock
  /** A HEAD is answered with headers alone. */
  readonly signal: AbortSignal
}

/** Writes an answer. Resolves when it is written or the client has gone; a stream that fails ends the connection. */
export async function sendAnswer(
  response: ServerResponse,
  answer: Answer,
  options: SendOptions,
): Promise<void> {
  const warnings = warningHeaders(options.warnings)
  if (warnings.length > 0) response.setHeader('warning', warnings)
  if (answer.type === 'bytes') return sendBytes(response, answer, options)
  if (answer.type === 'stream') return sendStream(response, answer, options)
  response.writeHead(304, answer.headers).end()
}

async function sendBytes(response: ServerResponse, answer: BytesAnswer, options: SendOptions): Promise<void> {
  const length = answer.body.reduce((total, piece) => total + piece.length, 0)
  const compress = length >= GZIP_FROM_BYTES && /\bgzip\b/.test(options.acceptEncoding ?? '')
  // Level 1: lists are repetitive and the server's time is worth more than the last tenth of their size.
  const body = compress ? [await gzip(Buffer.concat(answer.body, length), { level: 1 })] : answer.body
  if (options.signal.aborted || response.destroyed) return
  response.writeHead(answer.code, {
    'content-type': answer.contentType ?? 'application/json',
    'content-length': compress ? (body[0]?.length ?? 0) : length,
    ...(compress ? { 'content-encoding': 'gzip', vary: 'Accept-Encoding' } : {}),
    ...answer.headers,
  })
  response.cork()
  for (const piece of body) response.write(piece)
  response.uncork()
  response.end()
}

async function sendStream(
  response: ServerResponse,
  answer: StreamAnswer,
  { clock, signal }: SendOptions,
): Promise<void> {
  response.writeHead(answer.code, { 'content-type': answer.contentType, 'x-content-type-options': 'nosniff' })
  // A watch may have nothing to say for a long time; its client waits for the headers.
  response.flushHeaders()
  try {
    for await (const piece of answer.body) {
      if (signal.aborted) break
      if (!response.write(piece)) await drained(response, answer.patienceMs, clock, signal)
    }
    response.end()
  } catch (error) {
    // The headers are out: cutting the connection is the only way left to say that the body is not whole.
    response.destroy()
    if (!signal.aborted) throw error
  }
}

/** Until the client has taken what was written; rejects when it takes longer than its patience, or the signal aborts. */
async function drained(
  response: ServerResponse,
  patienceMs: number | undefined,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (patienceMs === undefined) {
    await once(response, 'drain', { signal })
    return
  }
  const patience = new AbortController()
  const cancel = clock.after(patienceMs, () => patience.abort())
  try {
    await once(response, 'drain', { signal: AbortSignal.any([signal, patience.signal]) })
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
