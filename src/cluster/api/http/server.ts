import { constants } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Clock, Ids, KeyValueStore, Logger } from '../../../base/index.ts'
import { BowlineError, messageOf } from '../../../base/index.ts'
import type { Authority } from '../../../pki/index.ts'
import type { ApiAuditLog } from '../audit-log/audit-log.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { nodeUser } from '../auth/identity.ts'
import type { Authorizer, Verbs } from '../contract.ts'
import type { Tunnels } from '../tunnel/tunnels.ts'
import { upgradeToTunnel } from '../tunnel/upgrade.ts'
import type { DocumentParts } from './document-routes.ts'
import type { Extension } from './extension.ts'
import { Http2Connections } from './http2.ts'
import { DEFAULT_LIMITS, InFlight, type InFlightLimits } from './in-flight.ts'
import { KeptServerCertificate } from './kept-server-certificate.ts'
import { RequestHandler } from './request-handler.ts'
import { DEFAULT_RATES, RequestRateLimits, type RequestRates } from './request-rates.ts'
import { keepRenewed } from './server-certificate.ts'

export interface ApiServerOptions {
  readonly verbs: Verbs
  readonly authenticator: Authenticator
  /** Judges what the verbs do not: logs and extensions. The same one that the verbs ask. */
  readonly authorizer: Authorizer
  /** Signs the server's own certificate and is what client certificates are verified against. */
  readonly authority: Authority
  readonly listen: { readonly host: string; readonly port: number }
  /** Host names and addresses that the server's certificate is valid for, beyond this machine's. */
  readonly names?: readonly string[]
  /** Where the server's certificate is kept from one start to the next. Absent: each start issues its own. */
  readonly store?: KeyValueStore
  readonly tunnels: Tunnels
  readonly documents: DocumentParts
  readonly extensions?: readonly Extension[]
  readonly auditLog?: Pick<ApiAuditLog, 'record'> | undefined
  readonly limits?: Partial<InFlightLimits>
  readonly rates?: Partial<RequestRates>
  readonly patience?: Partial<Patience>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Logger
}

/** How long a client may take, in ms, before it is cut off: what comes drop by drop holds a connection, and a place among the requests. */
export interface Patience {
  /** For the headers of a request. Default 10 s. */
  readonly headersMs: number
  /** For a whole request. Default 60 s, as long as the server works on one. */
  readonly requestMs: number
  /** How often the two are looked at. Default 2 s. */
  readonly checkMs: number
}

const DEFAULT_PATIENCE: Patience = { headersMs: 10_000, requestMs: 60_000, checkMs: 2_000 }

export interface ApiServer {
  /** Where it listens; the port is the real one when 0 was asked for. */
  readonly address: { readonly host: string; readonly port: number }
  /** Ends every request and the tunnel of a node that was removed. */
  endNode(nodeName: string): void
  /** Settles when the server has ended and every connection is closed. */
  readonly closed: Promise<void>
}

/** How long running requests may take to end once the server stops. */
const DRAIN_MS = 3_000

const TLS_HANDSHAKE_MS = 10_000
const MAX_HEADER_BYTES = 32 * 1024
const MAX_HEADERS = 100

/**
 * Listens for TLS on one port and answers as a Kubernetes API server until the signal aborts. Resolves once it listens; rejects
 * when it cannot. Client certificates are asked for and not required: a token may prove who asks, but no one is anonymous.
 */
export async function startApiServer(options: ApiServerOptions, signal: AbortSignal): Promise<ApiServer> {
  const { authority, authenticator, clock, ids, log, tunnels } = options
  const patience = { ...DEFAULT_PATIENCE, ...options.patience }
  const certificates = new KeptServerCertificate({
    store: options.store,
    authority,
    names: [options.listen.host, ...(options.names ?? [])].filter(isName),
    clock,
    log,
  })
  const certificate = await certificates.current()
  const handler = new RequestHandler({
    ...options,
    extensions: options.extensions ?? [],
    inFlight: new InFlight({ ...DEFAULT_LIMITS, ...options.limits }),
    rates: new RequestRateLimits({ ...DEFAULT_RATES, ...options.rates }, clock),
  })
  const server = createServer({
    key: certificate.key,
    cert: certificate.cert,
    ca: certificate.ca,
    requestCert: true,
    // Whoever has no certificate may still have a token; what was verified is asked of each socket.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['h2', 'http/1.1'],
    // A resumed session would skip the verification of the client's certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
    handshakeTimeout: TLS_HANDSHAKE_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: patience.headersMs,
    requestTimeout: patience.requestMs,
    connectionsCheckingInterval: patience.checkMs,
    keepAliveTimeout: 90_000,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    noDelay: true,
  })
  server.maxHeadersCount = MAX_HEADERS
  const sockets = trackSockets(server)
  const http2 = new Http2Connections({
    onRequest: (request, response) => void handler.handle(request, response),
    maxHeaderBytes: MAX_HEADER_BYTES,
    maxHeaders: MAX_HEADERS,
    clock,
  })
  shareConnections(server, http2)
  server.on('request', (request, response) => void handler.handle(request, response))
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgradeToTunnel({
      request,
      socket: socket as TLSSocket,
      head,
      authenticator,
      tunnels,
      onBug: error => log.error('Upgrade failed', { error: messageOf(error) }),
    })
  })
  server.on('clientError', answerClientError)
  server.on('tlsClientError', error => log.debug('TLS handshake failed', { error: messageOf(error) }))

  const address = await listen(server, options.listen)
  log.info('API server listens', { ...address })
  const stopRenewing = keepRenewed({
    first: certificate,
    issue: () => certificates.issue(),
    use: (_context, { key, cert, ca }) =>
      server.setSecureContext({ key, cert, ca, secureOptions: constants.SSL_OP_NO_TICKET }),
    clock,
    ids,
    onError: error => log.error('Cannot renew the server certificate', { error: messageOf(error) }),
  })
  server.on('error', error => log.error('API server error', { error: messageOf(error) }))

  async function stop(): Promise<void> {
    stopRenewing()
    const ended = once(server, 'close')
    server.close()
    http2.end()
    handler.abortAll()
    tunnels.close()
    server.closeIdleConnections()
    const cancel = clock.after(DRAIN_MS, () => {
      for (const socket of sockets) socket.destroy()
    })
    await ended
    cancel()
  }

  const closed = new Promise<void>((resolve, reject) => {
    const onAbort = (): void => void stop().then(resolve, reject)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  return {
    address,
    closed,
    endNode(nodeName) {
      handler.endOf(nodeUser(nodeName))
      tunnels.end(nodeName)
    },
  }
}

/** Addresses that mean "every address" name no server. */
function isName(host: string): boolean {
  return host !== '' && host !== '0.0.0.0' && host !== '::'
}

async function listen(
  server: Server,
  { host, port }: ApiServerOptions['listen'],
): Promise<ApiServer['address']> {
  const listening = once(server, 'listening')
  server.listen(port, host)
  try {
    await listening
  } catch (cause) {
    throw new BowlineError('unavailable', `Cannot listen on ${host}:${port}: ${messageOf(cause)}`, {
      cause,
      data: { next: 'choose another address with --listen, or stop what has this one' },
    })
  }
  const { address, port: realPort } = server.address() as AddressInfo
  return { host: address, port: realPort }
}

/** Gives each connection to the protocol that was agreed on it. Node's own server would take every one for HTTP/1.1. */
function shareConnections(server: Server, http2: Http2Connections): void {
  const http1 = server.listeners('secureConnection')
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') http2.take(socket)
    else for (const listener of http1) listener.call(server, socket)
  })
}

/** Every open connection, upgraded ones too, which the server itself loses sight of. */
function trackSockets(server: Server): ReadonlySet<Duplex> {
  const sockets = new Set<Duplex>()
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

/**
 * What is no HTTP, or too much or too slow, gets one line and the connection is closed. Where the trouble is below HTTP (a TLS
 * handshake that failed or never came) nothing can be said, and waiting for it to be written would keep the connection for ever.
 */
function answerClientError(error: Error & { readonly code?: string }, socket: Duplex): void {
  const line =
    CLIENT_ERRORS[error.code ?? ''] ?? (error.code?.startsWith('HPE_') ? '400 Bad Request' : undefined)
  if (line === undefined || !socket.writable) socket.destroy()
  else
    socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () => socket.destroy())
}

const CLIENT_ERRORS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
}
