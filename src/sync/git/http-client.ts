import type { HttpClient } from 'isomorphic-git'
import { BowlineError, messageOf } from '../../base/index.ts'

export interface HttpClientOptions {
  /** Sent to this origin only. */
  readonly credentials: { readonly origin: string; readonly authorization: string } | undefined
  readonly signal: AbortSignal
  /** Answers larger than this are refused while they arrive. */
  readonly maxBytes: number
}

/**
 * isomorphic-git's HTTP over Node's own `fetch`: no redirect is followed (a credential never travels to a place that an answer
 * names), the signal ends a transfer at once, and an endless answer is cut off.
 */
export function createHttpClient({ credentials, signal, maxBytes }: HttpClientOptions): HttpClient {
  return {
    async request({ url, method = 'GET', headers = {}, body }) {
      const { origin } = new URL(url)
      const sent: Record<string, string> = { ...headers }
      if (credentials?.origin === origin) sent.Authorization = credentials.authorization
      const response = await fetch(url, {
        method,
        headers: sent,
        redirect: 'manual',
        signal,
        ...(body === undefined ? {} : { body: await collect(body) }),
      }).catch((error: unknown) => {
        signal.throwIfAborted()
        throw new BowlineError('unavailable', networkReason(error), { cause: error, retryable: true })
      })
      if (response.status >= 300 && response.status < 400)
        throw new BowlineError('bad-config', redirectReason(response.headers.get('location'), url))
      return {
        url,
        method,
        statusCode: response.status,
        statusMessage: response.statusText,
        headers: Object.fromEntries(response.headers),
        body: limitBytes(response.body, maxBytes),
      }
    },
  }
}

async function collect(
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return new Uint8Array(Buffer.concat(parts))
}

async function* limitBytes(
  body: AsyncIterable<Uint8Array> | null,
  maxBytes: number,
): AsyncIterableIterator<Uint8Array> {
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.byteLength
    if (bytes > maxBytes) throw new BowlineError('unsupported', `the answer is larger than ${maxBytes} bytes`)
    yield chunk
  }
}

/** `fetch` says only "fetch failed"; the cause says why. */
function networkReason(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = (cause as { code?: unknown }).code
  const text = messageOf(cause)
  return typeof code === 'string' && !text.includes(code) ? `${code} ${text}`.trim() : text
}

function redirectReason(location: string | null, from: string): string {
  if (location === null || !URL.canParse(location, from)) return 'the server answers with a redirect'
  const target = new URL(location, from)
  return `the server redirects to ${target.origin}${target.pathname.replace(/\/info\/refs$/, '')}; use that address`
}
