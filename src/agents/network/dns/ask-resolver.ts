import { createSocket } from 'node:dgram'
import { connect, isIPv6 } from 'node:net'
import { BowlineError, type Ids } from '../../../base/index.ts'
import { encodeQuery, type Query, type Response, readResponse } from './message.ts'
import { TcpMessages, tcpMessage } from './tcp-messages.ts'

export interface Resolver {
  readonly address: string
  readonly port: number
}

export interface AskOptions {
  /** The attempt is given up when it aborts. */
  readonly signal: AbortSignal
  readonly ids: Ids
}

/**
 * One attempt at a resolver: by UDP, and by TCP when the answer did not fit. Each has a port and an id of its own, which is what
 * a forger would have to guess. Throws `unavailable` when the resolver cannot be reached, `aborted` reasons as they are.
 */
export async function askResolver(resolver: Resolver, query: Query, options: AskOptions): Promise<Response> {
  const response = await askByUdp(resolver, query, options)
  if (!response.isTruncated) return response
  // Half an answer is better than none.
  return await askByTcp(resolver, query, options).catch(() => response)
}

function askByUdp(resolver: Resolver, query: Query, { signal, ids }: AskOptions): Promise<Response> {
  const id = randomId(ids)
  const socket = createSocket({
    type: isIPv6(resolver.address) ? 'udp6' : 'udp4',
    // It is an address: nothing has to be looked up.
    lookup: (address, _options, callback) => callback(null, address, isIPv6(address) ? 6 : 4),
  })
  return settle(signal, (resolve, reject, isOver) => {
    socket.on('error', error => reject(unreachable(resolver, error)))
    socket.on('message', bytes => {
      const response = readResponse(bytes, query, id)
      if (response !== undefined) resolve(response)
    })
    // Connected: the kernel takes datagrams of this resolver only, and tells when nobody listens there.
    socket.connect(resolver.port, resolver.address, () => {
      if (isOver()) return
      socket.send(encodeQuery(query, id), error => {
        if (error !== null) reject(unreachable(resolver, error))
      })
    })
    return () => socket.close()
  })
}

function askByTcp(resolver: Resolver, query: Query, { signal, ids }: AskOptions): Promise<Response> {
  const id = randomId(ids)
  const socket = connect({ host: resolver.address, port: resolver.port })
  return settle(signal, (resolve, reject) => {
    const messages = new TcpMessages()
    socket.on('error', error => reject(unreachable(resolver, error)))
    socket.on('close', () => reject(unreachable(resolver, new Error('it closed the connection'))))
    socket.on('data', chunk => {
      for (const bytes of messages.take(chunk)) {
        const response = readResponse(bytes, query, id)
        if (response !== undefined) resolve(response)
      }
    })
    socket.write(tcpMessage(encodeQuery(query, id)))
    return () => socket.destroy()
  })
}

/** Runs `open` until it resolves, rejects or the signal aborts; then what it returned closes what it opened. */
function settle<T>(
  signal: AbortSignal,
  open: (resolve: (value: T) => void, reject: (error: unknown) => void, isOver: () => boolean) => () => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    let isOver = false
    let close = () => {}
    const end = (tell: () => void) => {
      if (isOver) return
      isOver = true
      signal.removeEventListener('abort', onAbort)
      close()
      tell()
    }
    const onAbort = () => end(() => reject(signal.reason))
    signal.addEventListener('abort', onAbort, { once: true })
    close = open(
      value => end(() => resolve(value)),
      error => end(() => reject(error)),
      () => isOver,
    )
    if (signal.aborted) onAbort()
  })
}

/** Of the digits of a UUID, which nobody can foretell. */
function randomId(ids: Ids): number {
  return Number.parseInt(ids.uid().slice(0, 4), 16)
}

function unreachable({ address, port }: Resolver, cause: Error): BowlineError {
  return new BowlineError('unavailable', `Cannot ask the resolver ${address}:${port}: ${cause.message}`, {
    cause,
    retryable: true,
  })
}
