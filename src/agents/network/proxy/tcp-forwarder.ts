import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Backend } from '../services/index.ts'
import type { Balancer } from './balancer.ts'
import type { Forwarder } from './forwarder.ts'

/** A dead host must not hold connections for good. */
const KEEP_ALIVE_MS = 60_000
const CONNECT_TIMEOUT_MS = 5_000

/**
 * Forwards TCP connections. Each direction ends by itself, so that a client may say that it is done and still hear the answer; a slow reader
 * slows its writer; a reset is passed on. A backend that does not accept is passed over before anything was sent. Connections outlive
 * every change of the backends and the listener itself; as long as they last, the client's end is in `connections`.
 */
export function listenTcp(
  host: string,
  port: number,
  { balancer, connections }: { readonly balancer: Balancer; readonly connections: Set<Socket> },
): Promise<Forwarder> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, client => {
    // Before there is a backend, an end of the client shows as an error or not at all.
    client.on('error', () => client.destroy())
    connections.add(client)
    client.on('close', () => connections.delete(client))
    void forward(client, balancer)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port }, () => {
      server.off('error', reject)
      // A connection that could not be accepted, for want of descriptors, is lost; the listener goes on.
      server.on('error', () => {})
      resolve({ update() {}, close: () => close(server) })
    })
  })
}

async function forward(client: Socket, balancer: Balancer): Promise<void> {
  const address = client.remoteAddress ?? ''
  for (const backend of balancer.order(address)) {
    const socket = await connectTo(backend)
    if (socket === undefined) continue
    if (client.destroyed) {
      socket.destroy()
      return
    }
    balancer.settle(address, backend)
    join(client, socket)
    return
  }
  client.resetAndDestroy()
}

function connectTo({ address, port }: Backend): Promise<Socket | undefined> {
  return new Promise(resolve => {
    const socket = connect({ host: address, port, allowHalfOpen: true, noDelay: true })
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy())
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.removeAllListeners('close')
      resolve(socket)
    })
    socket.on('error', () => {})
    socket.once('close', () => resolve(undefined))
  })
}

function join(client: Socket, backend: Socket): void {
  for (const [from, to] of [
    [client, backend],
    [backend, client],
  ] as const) {
    from.setKeepAlive(true, KEEP_ALIVE_MS)
    from.pipe(to)
    from.on('error', () => to.resetAndDestroy())
    // One that is closed without having ended will never read again.
    from.on('close', () => {
      if (!from.readableEnded) to.destroy()
    })
  }
}

/** Stops listening; connections go on. */
function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.unref()
    server.close()
    resolve()
  })
}
