import type { StatusError } from '../../../kube/index.ts'

/** What a handler answers; one place (`send.ts`) turns it into HTTP. */
export type Answer = BytesAnswer | NotModifiedAnswer | PiecesAnswer | StreamAnswer

export interface BytesAnswer {
  readonly type: 'bytes'
  readonly code: number
  /** Default `application/json`. */
  readonly contentType?: string
  /** Pieces that are sent one after another; they are shared with others and never changed. */
  readonly body: readonly Buffer[]
  readonly headers?: Readonly<Record<string, string>>
}

/** JSON that is made while it is sent. */
interface PiecesAnswer {
  readonly type: 'pieces'
  readonly code: number
  /** The next piece is made when the client has taken the one before. */
  readonly body: Iterable<Buffer>
}

interface NotModifiedAnswer {
  readonly type: 'not-modified'
  readonly headers: Readonly<Record<string, string>>
}

export interface StreamAnswer {
  readonly type: 'stream'
  readonly code: number
  readonly contentType: string
  /** Each piece is on its way to the client before the next is asked for. Ends early when the client goes away. */
  readonly body: AsyncIterable<Uint8Array>
  /** The pieces are chunks of HTTP/1.1 already (`chunk.ts`), shared with other answers. */
  readonly isChunked?: boolean
  /** A client that takes nothing for so long, though there is something for it, is cut off. Default: it may take its time. */
  readonly patienceMs?: number
}

const NEWLINE = Buffer.from('\n')

/** JSON bytes that exist already. */
export function bytesAnswer(code: number, ...body: readonly Buffer[]): BytesAnswer {
  return { type: 'bytes', code, body: [...body, NEWLINE] }
}

/** JSON in pieces: as many as a list has objects, or made one by one. */
export function piecesAnswer(code: number, body: readonly Buffer[] | Generator<Buffer>): Answer {
  return Array.isArray(body) ? { type: 'bytes', code, body } : { type: 'pieces', code, body }
}

/** A value as JSON. */
export function jsonAnswer(code: number, value: unknown): BytesAnswer {
  return bytesAnswer(code, Buffer.from(JSON.stringify(value)))
}

export function textAnswer(code: number, text: string): BytesAnswer {
  return { type: 'bytes', code, contentType: 'text/plain; charset=utf-8', body: [Buffer.from(text)] }
}

/** A refusal as a `Status`, with `Retry-After` where trying again later makes sense. */
export function statusAnswer(error: StatusError): BytesAnswer {
  const answer = jsonAnswer(error.code, error.toStatus())
  const seconds = error.details.retryAfterSeconds ?? (error.code === 429 ? 1 : undefined)
  return seconds === undefined ? answer : { ...answer, headers: { 'retry-after': String(seconds) } }
}
