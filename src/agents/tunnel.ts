import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { performServerHandshake, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { request } from 'node:https'
import type { Duplex } from 'node:stream'
import {
  type BackoffOptions,
  BowlineError,
  backoffMs,
  type Clock,
  type Ids,
  jittered,
  type Logger,
  messageOf,
} from '../base/index.ts'
import { type Regaining, waitToRetry } from '../client/index.ts'
import { StatusError } from '../kube/index.ts'

export interface TunnelOptions {
  /** `https://host:port`. */
  readonly server: string
  readonly ca: string
  /** Asked at every connection, so that a renewed certificate is used. PEM texts. */
  readonly credentials: () => { readonly certificate: string; readonly key: string }
  /** The answer to a request: text chunks; a StatusError thrown before the first becomes the answer's status. */
  readonly handle: TunnelHandler
  /** Says when others reach the server again. */
  readonly client: Partial<Regaining>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** What the server asks for. */
export interface TunnelRequest {
  readonly method: 'GET' | 'POST'
  /** With its query. */
  readonly path: string
  /** What a POST brings; read at the agent's pace. */
  readonly body: AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
}

/** Answers a request; undefined: nothing is there. */
type TunnelHandler = (request: TunnelRequest) => AsyncIterable<string | Uint8Array> | undefined

/** Where the server takes tunnels, and what it calls them (`cluster/api/tunnel`). */
const TUNNEL_PATH = '/bowline/v1/tunnel'
const TUNNEL_PROTOCOL = 'bowline-tunnel'

const RECONNECT: BackoffOptions = { initialMs: 250, maxMs: 30_000 }
const CONNECT_TIMEOUT_MS = 10_000
/** The server pings every 15 s; a tunnel so long without one leads nowhere. */
const SILENCE_MS = 45_000
/** What is answered at once. The server gives one user a quarter of it: `kubectl logs -f` of that many containers. */
const MAX_STREAMS = 400

/**
 * This node's tunnel: an outgoing connection, upgraded, on which the agent serves HTTP/2, so that logs and volumes reach the server
 * through any firewall.
 */
export class Tunnel {
  readonly #options: TunnelOptions
  #endConnection: () => void = () => {}

  constructor(options: TunnelOptions) {
    this.#options = options
  }

  /** Gives up the connection, which may lead nowhere any more, for another. */
  renew(): void {
    this.#endConnection()
  }

  /** Keeps it open until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { server, client, clock, ids, log } = this.#options
    let failures = 0
    while (!signal.aborted) {
      const connection = new AbortController()
      this.#endConnection = () => connection.abort()
      const either = AbortSignal.any([signal, connection.signal])
      try {
        const socket = await connect(this.#options, either)
        failures = 0
        log.debug('tunnel open', { server })
        await serve(socket, this.#options, either)
        log.debug('tunnel closed', { server })
      } catch (error) {
        if (signal.aborted) return
        if (failures === 0) log.warn('the tunnel is not open', { server, error: messageOf(error) })
      }
      failures += 1
      const wait = jittered(backoffMs(failures, RECONNECT), 0.5, ids.random())
      await waitToRetry(wait, { server: client, clock, ids }, signal).catch(() => {})
    }
  }
}

/** Makes the connection and has it upgraded. */
function connect({ server, ca, credentials, clock }: TunnelOptions, signal: AbortSignal): Promise<Duplex> {
  const { certificate, key } = credentials()
  return new Promise((resolve, reject) => {
    const asked = request(new URL(TUNNEL_PATH, server), {
      method: 'GET',
      headers: { connection: 'Upgrade', upgrade: TUNNEL_PROTOCOL },
      agent: false,
      ca,
      cert: certificate,
      key,
      signal,
    })
    const cancelTimer = clock.after(CONNECT_TIMEOUT_MS, () =>
      asked.destroy(
        new BowlineError('timeout', `Cannot open the tunnel to ${server}: it took too long`, {
          retryable: true,
        }),
      ),
    )
    asked.on('upgrade', (_answer: IncomingMessage, socket: Duplex, head: Buffer) => {
      cancelTimer()
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    asked.on('response', answer => {
      cancelTimer()
      answer.resume()
      const text = `Cannot open the tunnel to ${server}: it answered ${answer.statusCode}`
      reject(new BowlineError('unavailable', text, { retryable: true }))
    })
    asked.on('error', error => {
      cancelTimer()
      reject(error)
    })
    asked.end()
  })
}

/** Serves HTTP/2 on the socket; resolves when it is closed. */
async function serve(socket: Duplex, { handle, clock }: TunnelOptions, signal: AbortSignal): Promise<void> {
  const session = performServerHandshake(socket, { settings: { maxConcurrentStreams: MAX_STREAMS } })
  const closed = new Promise<void>(resolve => session.once('close', () => resolve()))
  const end = () => session.destroy()
  signal.addEventListener('abort', end, { once: true })
  const stopWatching = watchForSilence(session, clock)
  // Without listeners an error would end the process; `close` follows each.
  session.on('error', () => {})
  socket.on('error', end)
  socket.on('close', end)
  session.on('stream', (stream, headers) => {
    const { ':method': method, ':path': path } = headers
    void answer(stream, { method, path }, handle)
  })
  if (signal.aborted) end()
  await closed
  stopWatching()
  signal.removeEventListener('abort', end)
  socket.destroy()
}

function watchForSilence(session: ServerHttp2Session, clock: Clock): () => void {
  let cancel = clock.after(SILENCE_MS, () => session.destroy())
  const heard = () => {
    cancel()
    cancel = clock.after(SILENCE_MS, () => session.destroy())
  }
  session.on('ping', heard)
  session.on('stream', heard)
  return () => cancel()
}

/** Answers one request at its reader's pace. Never throws. */
async function answer(
  stream: ServerHttp2Stream,
  { method, path }: { readonly method: string | undefined; readonly path: string | undefined },
  handle: TunnelHandler,
): Promise<void> {
  const abort = new AbortController()
  stream.on('error', () => {})
  stream.on('close', () => abort.abort())
  try {
    const isKnown = (method === 'GET' || method === 'POST') && path !== undefined
    const chunks = isKnown ? handle({ method, path, body: stream, signal: abort.signal }) : undefined
    if (chunks === undefined) throw new StatusError('NotFound', 'the agent serves nothing at this path')
    for await (const chunk of chunks) {
      if (stream.closed || stream.destroyed) return
      if (!stream.headersSent) stream.respond({ ':status': 200, 'content-type': 'text/plain' })
      if (!stream.write(chunk)) await once(stream, 'drain', { signal: abort.signal })
    }
    if (!stream.headersSent) stream.respond({ ':status': 200, 'content-type': 'text/plain' })
    stream.end()
  } catch (error) {
    if (abort.signal.aborted || stream.destroyed) return
    if (stream.headersSent) return void stream.close()
    const code = error instanceof StatusError ? error.code : 500
    stream.respond({ ':status': code, 'content-type': 'text/plain' })
    stream.end(messageOf(error))
  }
}
