import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { BowlineError } from '../../../base/index.ts'
import { StatusError } from '../../../kube/index.ts'
import type { Authenticator } from '../auth/authenticator.ts'
import { nodeNameOf } from '../auth/identity.ts'
import { credentialsOf } from '../http/credentials.ts'
import { pathNotFound } from '../http/exchange.ts'
import { refusalOf } from '../http/refusal.ts'
import { TUNNEL_PATH, TUNNEL_PROTOCOL, type Tunnels } from './tunnels.ts'

export interface UpgradeOptions {
  readonly request: IncomingMessage
  readonly socket: TLSSocket
  /** What came behind the request's headers already. */
  readonly head: Buffer
  readonly authenticator: Authenticator
  readonly tunnels: Tunnels
  readonly onBug: (error: unknown) => void
}

/** Answers a request that asks for another protocol: an agent's for its tunnel is granted, every other is refused with a `Status`. */
export function upgradeToTunnel(options: UpgradeOptions): void {
  const { socket, onBug } = options
  // From here on no one else listens for the socket's errors.
  socket.on('error', () => socket.destroy())
  grant(options).catch((error: unknown) => {
    const refusal = refusalOf(error)
    if (refusal === undefined) onBug(error)
    refuse(socket, refusal ?? new StatusError('InternalError', 'Internal error occurred'))
  })
}

async function grant({ request, socket, head, authenticator, tunnels }: UpgradeOptions): Promise<void> {
  const user = await authenticator.authenticate(credentialsOf(request))
  if (request.url !== TUNNEL_PATH || request.method !== 'GET') throw notServed(request.url ?? '')
  if (request.headers.upgrade?.toLowerCase() !== TUNNEL_PROTOCOL)
    throw new StatusError('BadRequest', `this path speaks the protocol ${TUNNEL_PROTOCOL}`)
  const nodeName = nodeNameOf(user)
  if (nodeName === undefined) throw new StatusError('Forbidden', 'only a node may open a tunnel')
  socket.setNoDelay(true)
  if (head.length > 0) socket.unshift(head)
  await flush(
    socket,
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${TUNNEL_PROTOCOL}\r\n\r\n`,
  )
  tunnels.accept(nodeName, socket)
}

/** What kubectl asks for by an upgrade; the words are what a person then reads. */
function notServed(url: string): StatusError {
  const subresource = /^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/]+\/(attach|exec|portforward)(?:\?|$)/.exec(
    url,
  )?.[1]
  if (subresource === undefined) return pathNotFound()
  return new StatusError(
    'NotFound',
    `this server does not offer pods/${subresource} yet; "kubectl logs" and "kubectl describe" work`,
  )
}

/**
 * Writes and waits until the write is over, in a turn of the event loop of its own. HTTP/2 takes over the socket's native handle,
 * and a write that ends after that trips an assertion in Node which ends the process (seen on 20.20).
 */
async function flush(socket: TLSSocket, text: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () =>
      reject(new BowlineError('aborted', 'Cannot open tunnel: the connection closed')),
    )
    socket.write(text, () => setImmediate(resolve))
  })
}

function refuse(socket: TLSSocket, refusal: StatusError): void {
  const body = JSON.stringify(refusal.toStatus())
  const head = [
    `HTTP/1.1 ${refusal.code} ${STATUS_CODES[refusal.code] ?? 'Error'}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}
