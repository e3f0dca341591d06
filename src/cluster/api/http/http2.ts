import { createServer, type ServerHttp2Session } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Clock } from '../../../base/index.ts'
import type { ApiRequest, ApiResponse } from './message.ts'

export interface Http2Options {
  readonly onRequest: (request: ApiRequest, response: ApiResponse) => void
  readonly maxHeaderBytes: number
  readonly maxHeaders: number
  readonly clock: Clock
}

/** Requests of a connection at once (apiserver `pkg/server/secure_serving.go`). */
const MAX_STREAMS = 250
/** How long a connection may have no request (apiserver, same place: `IdleTimeout`); what comes drop by drop is no request yet. */
const IDLE_MS = 90_000
/**
 * Of all answers of a connection that wait to be sent, beyond which Node refuses its further requests. Lists may be large, and what a user
 * may have under way is bounded by the places among the running requests.
 */
const MAX_MEGABYTES = 1_024
/** Frames that mean nothing, and streams that are refused, after which a connection is ended. */
const MAX_BAD = 100

/** The connections that speak HTTP/2, as Go's clients do: hundreds of watches of one client share a connection. */
export class Http2Connections {
  readonly #server: ReturnType<typeof createServer>
  readonly #sessions = new Set<ServerHttp2Session>()
  #isEnding = false

  constructor({ onRequest, maxHeaderBytes, maxHeaders, clock }: Http2Options) {
    this.#server = createServer({
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: maxHeaderBytes },
      maxHeaderListPairs: maxHeaders,
      maxSessionInvalidFrames: MAX_BAD,
      maxSessionRejectedStreams: MAX_BAD,
      maxSessionMemory: MAX_MEGABYTES,
    })
    this.#server.on('session', session => this.#keep(session, clock))
    this.#server.on('request', onRequest)
    // Whoever breaks the protocol is cut off; nobody else hears of it.
    this.#server.on('sessionError', () => undefined)
  }

  /** Serves a connection on which HTTP/2 was agreed. */
  take(socket: TLSSocket): void {
    this.#server.emit('connection', socket)
  }

  /** Takes no new requests; a connection ends when its last one has. */
  end(): void {
    this.#isEnding = true
    for (const session of this.#sessions) session.close()
  }

  #keep(session: ServerHttp2Session, clock: Clock): void {
    this.#sessions.add(session)
    if (this.#isEnding) session.close()
    let running = 0
    const endIdle = (): void => void session.close()
    let stopWaiting = clock.after(IDLE_MS, endIdle)
    session.on('stream', stream => {
      running += 1
      stopWaiting()
      stream.once('close', () => {
        running -= 1
        if (running === 0 && this.#sessions.has(session)) stopWaiting = clock.after(IDLE_MS, endIdle)
      })
    })
    session.once('close', () => {
      this.#sessions.delete(session)
      stopWaiting()
    })
  }
}
