import type { IncomingHttpHeaders } from 'node:http'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type Http2Session,
} from 'node:http2'
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Clock, Logger } from '../../../base/index.ts'
import { StatusError } from '../../../kube/index.ts'

/** A request towards an agent. */
export interface TunnelRequest {
  readonly method: 'GET' | 'POST'
  /** With its query. */
  readonly path: string
  /** What a POST brings; read at the agent's pace. */
  readonly body?: AsyncIterable<Uint8Array>
  /** Aborting it ends the request on both sides, also while its body is being read. */
  readonly signal: AbortSignal
  /** The user for whom it is made, who takes a share of what the agent answers at once; absent: the server, or who may do everything. */
  readonly reader?: string | undefined
}

export interface TunnelAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Read at the reader's pace: the agent is slowed down with it. Throws when the tunnel breaks before the end. */
  readonly body: AsyncIterable<Uint8Array>
}

/** Where an agent asks for its tunnel: `GET` with `Connection: Upgrade` and `Upgrade: bowline-tunnel`, by its client certificate. */
export const TUNNEL_PATH = '/bowline/v1/tunnel'
export const TUNNEL_PROTOCOL = 'bowline-tunnel'

/** A tunnel that is silent is asked whether it lives; one that does not answer in time is closed. */
const PING_EVERY_MS = 15_000
const PING_ANSWER_MS = 10_000

/** What an agent answers at once for one user, and for all users together: the server asks over the same tunnel for the pods' volumes. */
const SHARE_OF_ONE = 1 / 4
const SHARE_OF_ALL = 3 / 4

/** How long an agent may take to begin its answer. */
const ANSWER_MS = 30_000

/**
 * The server's ends of the agents' tunnels. An agent needs only an outgoing connection: it upgrades one, and then serves HTTP/2 on
 * it, with the server as the client. One tunnel per node, the newest wins.
 */
export class Tunnels {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #sessions = new Map<string, ClientHttp2Session>()
  /** How much is being read over each tunnel for whom. */
  readonly #readers = new WeakMap<ClientHttp2Session, Map<string, number>>()

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Logger }) {
    this.#clock = clock
    this.#log = log
  }

  /** True while the node can be reached. */
  has(nodeName: string): boolean {
    return this.#sessions.has(nodeName)
  }

  /** Takes over a socket on which the upgrade has been answered. */
  accept(nodeName: string, socket: Duplex): void {
    const session = connect(`http://${TUNNEL_PROTOCOL}`, { createConnection: () => socket })
    const older = this.#sessions.get(nodeName)
    this.#sessions.set(nodeName, session)
    this.#log.info('Tunnel opened', { node: nodeName, replaced: older !== undefined })
    older?.destroy()
    const stopPings = this.#keepAlive(session)
    // Without a listener an error of the session would end the process; `close` follows and does the work.
    session.on('error', () => undefined)
    socket.on('error', () => session.destroy())
    session.once('close', () => {
      stopPings()
      socket.destroy()
      if (this.#sessions.get(nodeName) !== session) return
      this.#sessions.delete(nodeName)
      this.#log.info('Tunnel closed', { node: nodeName })
    })
  }

  /** Sends a request to a node's agent; resolves with the head of its answer. A StatusError (ServiceUnavailable, Timeout) names the node. */
  async request(
    nodeName: string,
    { method, path, body, signal, reader }: TunnelRequest,
  ): Promise<TunnelAnswer> {
    const session = this.#sessions.get(nodeName)
    if (session === undefined || session.closed || session.destroyed)
      throw unreachable(nodeName, 'its agent has no tunnel to this server')
    signal.throwIfAborted()
    const leave = reader === undefined ? undefined : this.#enter(nodeName, session, reader)
    const stream = session.request({ ':method': method, ':path': path }, { endStream: body === undefined })
    const cancel = (): void => stream.close(constants.NGHTTP2_CANCEL)
    signal.addEventListener('abort', cancel, { once: true })
    stream.once('close', () => {
      signal.removeEventListener('abort', cancel)
      leave?.()
    })
    // A body that cannot be read to its end must not look like one that was.
    if (body !== undefined) pipeline(body, stream).catch(() => stream.close(constants.NGHTTP2_CANCEL))
    const { status, headers } = await this.#head(nodeName, stream, signal)
    return { status, headers, body: readBody(nodeName, stream, signal) }
  }

  /** Closes a node's tunnel, if it has one. */
  end(nodeName: string): void {
    this.#sessions.get(nodeName)?.destroy()
  }

  /** Closes every tunnel. */
  close(): void {
    for (const session of [...this.#sessions.values()]) session.destroy()
  }

  /** Takes a place among what is read for users; what it returns gives it back. A StatusError (TooManyRequests) when there is none. */
  #enter(nodeName: string, session: ClientHttp2Session, reader: string): () => void {
    const readers = this.#readers.get(session) ?? new Map<string, number>()
    this.#readers.set(session, readers)
    const own = readers.get(reader) ?? 0
    const all = [...readers.values()].reduce((sum, count) => sum + count, 0)
    const most = session.remoteSettings?.maxConcurrentStreams ?? Number.POSITIVE_INFINITY
    if (own >= Math.max(1, most * SHARE_OF_ONE) || all >= Math.max(1, most * SHARE_OF_ALL))
      throw new StatusError(
        'TooManyRequests',
        `Cannot read from node "${nodeName}": too much is read from it at once, ${own} of it by "${reader}"; end some of that first`,
      )
    readers.set(reader, own + 1)
    return () => {
      const left = (readers.get(reader) ?? 1) - 1
      if (left > 0) readers.set(reader, left)
      else readers.delete(reader)
    }
  }

  #head(
    nodeName: string,
    stream: ClientHttp2Stream,
    signal: AbortSignal,
  ): Promise<Omit<TunnelAnswer, 'body'>> {
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#clock.after(ANSWER_MS, () => {
        stream.close(constants.NGHTTP2_CANCEL)
        reject(
          new StatusError(
            'Timeout',
            `Cannot reach node "${nodeName}": its agent did not answer within ${ANSWER_MS / 1000} s`,
          ),
        )
      })
      stream.once('response', ({ ':status': status = 502, ...headers }) => {
        cancelTimer()
        resolve({ status, headers })
      })
      // Also kept for later: an error while the body is read reaches the reader, and must not reach the process.
      stream.on('error', () => undefined)
      stream.once('close', () => {
        cancelTimer()
        reject(signal.aborted ? signal.reason : unreachable(nodeName, 'its tunnel closed'))
      })
    })
  }

  /** Pings until the session closes. Returns the function that stops it. */
  #keepAlive(session: ClientHttp2Session): () => void {
    let cancel = this.#clock.after(PING_EVERY_MS, () => ping())
    const ping = (): void => {
      if (session.destroyed) return
      cancel = this.#clock.after(PING_ANSWER_MS, () => session.destroy())
      session.ping(error => {
        cancel()
        if (error !== null || session.destroyed) session.destroy()
        else cancel = this.#clock.after(PING_EVERY_MS, () => ping())
      })
    }
    return () => cancel()
  }
}

async function* readBody(
  nodeName: string,
  stream: ClientHttp2Stream,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const { session } = stream
  // A stream whose session breaks ends as if all had been said; so how it closed has to be looked at.
  const closed = new Promise<boolean>(resolve => {
    if (stream.closed && stream.destroyed) resolve(isBroken(stream, session))
    else stream.once('close', () => resolve(isBroken(stream, session)))
  })
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) yield chunk
    if ((await closed) && !signal.aborted) throw brokenTunnel(nodeName)
  } catch (cause) {
    if (signal.aborted) return
    throw cause instanceof StatusError ? cause : brokenTunnel(nodeName, cause)
  } finally {
    stream.close(constants.NGHTTP2_CANCEL)
  }
}

function isBroken(stream: ClientHttp2Stream, session: Http2Session | undefined): boolean {
  return stream.rstCode !== constants.NGHTTP2_NO_ERROR || session === undefined || session.destroyed
}

function brokenTunnel(nodeName: string, cause?: unknown): StatusError {
  return new StatusError(
    'ServiceUnavailable',
    `Cannot read from node "${nodeName}": its tunnel closed`,
    {},
    { cause },
  )
}

/** No Retry-After: kubectl would try ten times in silence before it tells the person. */
function unreachable(nodeName: string, state: string): StatusError {
  return new StatusError('ServiceUnavailable', `Cannot reach node "${nodeName}": ${state}`)
}
