import { setMaxListeners } from 'node:events'
import { type ConnectionOptions, createSecureContext } from 'node:tls'
import type { Agent, Dispatcher } from 'undici'
import { BowlineError, type Clock, causesOf, isAborted, messageOf } from '../base/index.ts'
import { type Status, StatusError } from '../kube/index.ts'
import { Reachability } from './reachability.ts'
import { createAgent } from './undici.ts'
import { parseWarnings } from './warnings.ts'

/** How a client proves who it is. PEM texts; a certificate may be followed by its intermediates. */
export type Credentials =
  | { readonly certificate: string; readonly key: string }
  | { readonly token: string }
  | { readonly anonymous: true }

export interface TransportOptions {
  /** `https://host:port`, without a path. */
  readonly server: string
  /** The only authorities trusted, in PEM. Absent: those of the system. */
  readonly ca?: string
  readonly credentials: Credentials
  readonly userAgent: string
  readonly clock: Clock
  /** Called with each `Warning: 299` text of an answer. */
  readonly onWarning?: (text: string) => void
  /** How long an answer may take, in ms. Default 60 s, as long as an API server works on a request. */
  readonly timeoutMs?: number
}

export interface TransportRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With its query. */
  readonly path: string
  readonly contentType?: string
  /** Sent as JSON. */
  readonly body?: unknown
  readonly signal?: AbortSignal | undefined
}

/** How long connecting, TLS included, may take. */
const CONNECT_TIMEOUT_MS = 10_000
/**
 * Plain requests share so many connections; more wait their turn. A handshake costs both ends more than any request does, and a burst
 * of work opens as many as there may be.
 */
const CONNECTIONS = 8
/** A refusal with `Retry-After` is tried again so many times, each wait at most this long. */
const RETRIES = 3
const MAX_RETRY_AFTER_MS = 10_000

/**
 * HTTP to one API server: pooled keep-alive connections, time limits, and errors in Bowline's words. Streams have
 * connections of their own, so that any number of watches leaves room for requests.
 */
export class Transport {
  readonly #options: TransportOptions
  #credentials: Credentials
  #identity: Identity
  #requests: Agent
  #streams: Agent
  /** What requests and streams find. */
  readonly reachability: Reachability = new Reachability()
  /** Agents with earlier credentials that still carry something. */
  readonly #retired = new Set<Agent>()

  constructor(options: TransportOptions) {
    this.#options = options
    this.#credentials = options.credentials
    this.#identity = identityOf(options.ca, options.credentials)
    this.#requests = this.#connect({ connections: CONNECTIONS })
    this.#streams = this.#connect({})
  }

  /** From now on new connections use these; running requests and streams end on the old ones. */
  setCredentials(credentials: Credentials): void {
    for (const agent of [this.#requests, this.#streams]) this.#retire(agent)
    this.#credentials = credentials
    this.#identity = identityOf(this.#options.ca, credentials)
    this.#requests = this.#connect({ connections: CONNECTIONS })
    this.#streams = this.#connect({})
  }

  /** Gives up every connection, also those that hang: what is under way fails with `unavailable`, what comes next connects anew. */
  reconnect(): void {
    const given = [this.#requests, this.#streams, ...this.#retired]
    this.#retired.clear()
    this.#requests = this.#connect({ connections: CONNECTIONS })
    this.#streams = this.#connect({})
    for (const agent of given) void agent.destroy().catch(() => undefined)
  }

  /** The answer's JSON. Throws `StatusError` for a refusal, a retryable `unavailable` or `timeout` when there is no answer. */
  async json(request: TransportRequest): Promise<unknown> {
    for (let attempt = 0; ; attempt++) {
      const answer = await this.#attempt(request)
      if (answer.status < 300) return answer.body
      const waitMs = retryAfterMs(answer)
      if (waitMs === undefined || attempt >= RETRIES) throw refusal(answer)
      await this.#options.clock.sleep(waitMs, request.signal)
    }
  }

  /**
   * The answer's bytes as they come. Ends quietly when `signal` aborts; leaving the iteration closes the connection.
   * A refusal throws before the first chunk. After `idleMs` without a byte the stream fails with `timeout`; 0 waits for ever.
   */
  async *stream(path: string, signal: AbortSignal, idleMs: number): AsyncGenerator<Uint8Array, void, void> {
    if (signal.aborted) return
    try {
      const response = await this.#dispatch(this.#streams, { method: 'GET', path, signal }, idleMs)
      if (response.statusCode >= 300)
        throw refusal({
          status: response.statusCode,
          headers: response.headers,
          body: parseBody(await response.body.text()),
        })
      for await (const chunk of response.body) yield chunk as Uint8Array
    } catch (error) {
      if (signal.aborted) return
      throw error instanceof StatusError ? error : this.#failure(error)
    }
  }

  /** Ends every connection; what is under way fails with `unavailable`. */
  async close(): Promise<void> {
    await Promise.all([this.#requests, this.#streams, ...this.#retired].map(agent => agent.destroy()))
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 60_000
  }

  #connect(options: Agent.Options): Agent {
    return createAgent({
      headersTimeout: this.#timeoutMs,
      // Shorter than the idle limit of any server or firewall that is likely between, so that no request meets a closed socket.
      keepAliveTimeout: 30_000,
      pipelining: 1,
      ...options,
      connect: {
        timeout: CONNECT_TIMEOUT_MS,
        keepAlive: true,
        keepAliveInitialDelay: 30_000,
        ...this.#identity,
      },
    })
  }

  /** Lets what is under way end on its old connection. */
  #retire(agent: Agent): void {
    this.#retired.add(agent)
    const forget = () => this.#retired.delete(agent)
    agent.close().then(forget, forget)
  }

  async #attempt(request: TransportRequest): Promise<Answer> {
    request.signal?.throwIfAborted()
    try {
      return await this.#read(request)
    } catch (error) {
      // A kept-alive connection may have been closed just as it was used again. Reading twice is harmless; a write is not repeated.
      if (request.method !== 'GET' || request.signal?.aborted || !isClosedSocket(error))
        throw this.#failure(error)
    }
    try {
      return await this.#read(request)
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async #read(request: TransportRequest): Promise<Answer> {
    const response = await this.#dispatch(this.#requests, request, this.#timeoutMs)
    const text = await response.body.text()
    this.#warn(response.headers)
    return { status: response.statusCode, headers: response.headers, body: parseBody(text) }
  }

  async #dispatch(
    agent: Agent,
    request: TransportRequest,
    bodyTimeout: number,
  ): Promise<Dispatcher.ResponseData> {
    const headers: Record<string, string> = {
      accept: 'application/json',
      'user-agent': this.#options.userAgent,
    }
    if ('token' in this.#credentials) headers.authorization = `Bearer ${this.#credentials.token}`
    // Each request that is under way listens to its signal, and a caller may have many of them: that is no leak.
    if (request.signal !== undefined) setMaxListeners(0, request.signal)
    if (request.body !== undefined) headers['content-type'] = request.contentType ?? 'application/json'
    const response = await agent.request({
      origin: this.#options.server,
      path: request.path,
      method: request.method,
      bodyTimeout,
      headers,
      body: request.body === undefined ? null : JSON.stringify(request.body),
      // A DELETE has a body in Kubernetes; undici would give up its connection, for a server that did not read it.
      reset: false,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
    })
    this.reachability.answered()
    return response
  }

  #warn(headers: Dispatcher.ResponseData['headers']): void {
    const { onWarning } = this.#options
    if (onWarning !== undefined) for (const text of parseWarnings(headers.warning)) onWarning(text)
  }

  #failure(error: unknown): unknown {
    if (error instanceof BowlineError || isAborted(error)) return error
    this.reachability.failed()
    const { server } = this.#options
    const code = errorCode(error)
    if (TIMEOUTS.has(code))
      return new BowlineError('timeout', `Cannot get an answer from ${server}: it took too long`, {
        cause: error,
        retryable: true,
      })
    if (UNTRUSTED.test(code))
      return new BowlineError('unauthorized', `Cannot trust ${server}: ${messageOf(error)}`, { cause: error })
    return new BowlineError('unavailable', `Cannot reach ${server}: ${messageOf(error)}`, {
      cause: error,
      retryable: true,
    })
  }
}

type Identity = Pick<ConnectionOptions, 'ca' | 'cert' | 'key' | 'secureContext'>

/**
 * Whom every connection trusts and what it proves, read once for all of them: from PEM that takes more time than the handshake. Texts
 * that cannot be read are left to each connection, which tells whoever asked.
 */
function identityOf(ca: string | undefined, credentials: Credentials): Identity {
  const texts = {
    ...(ca === undefined ? {} : { ca }),
    ...('certificate' in credentials ? { cert: credentials.certificate, key: credentials.key } : {}),
  }
  if (Object.keys(texts).length === 0) return {}
  try {
    return { secureContext: createSecureContext(texts) }
  } catch {
    return texts
  }
}

interface Answer {
  readonly status: number
  readonly headers: Dispatcher.ResponseData['headers']
  /** Parsed JSON, or undefined for what is not JSON. */
  readonly body: unknown
}

const TIMEOUTS: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
])

/** OpenSSL's and Node's codes for a certificate that is not believed. */
const UNTRUSTED = /CERT|UNABLE_TO_VERIFY|SELF_SIGNED|HOSTNAME_MISMATCH/

function errorCode(error: unknown): string {
  for (const cause of causesOf(error)) {
    const code = (cause as { code?: unknown }).code
    if (typeof code === 'string') return code
  }
  return ''
}

function isClosedSocket(error: unknown): boolean {
  const code = errorCode(error)
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}

function parseBody(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A `Status` as the server sent it, or one made from the HTTP code for an answer that is none, such as a proxy's page. */
function refusal({ status, body }: Answer): StatusError {
  if (typeof body === 'object' && body !== null && (body as { kind?: unknown }).kind === 'Status')
    return StatusError.fromStatus({ code: status, ...(body as Status) })
  return StatusError.fromStatus({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    code: status,
    message: `the server answered with HTTP ${status}`,
  })
}

/** How long to wait before asking again; undefined when the refusal is final. Only what was not begun says `Retry-After`. */
function retryAfterMs({ status, headers }: Answer): number | undefined {
  if (status !== 429 && status !== 503) return undefined
  const seconds = Number(headers['retry-after'])
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds * 1000, MAX_RETRY_AFTER_MS) : undefined
}
