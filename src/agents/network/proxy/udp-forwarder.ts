import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { Clock } from '../../../base/index.ts'
import type { Backend } from '../services/index.ts'
import type { Balancer } from './balancer.ts'
import type { Forwarder } from './forwarder.ts'

/** A flow that is silent for so long is over: as long as the kernel's own for flows that were answered once. */
const IDLE_MS = 60_000
/** Beyond so many flows new clients get no answer: each holds a descriptor. */
const MAX_FLOWS = 4_096

interface Flow {
  readonly socket: Socket
  readonly backend: Backend
  heardAt: number
}

/** Forwards datagrams. A client keeps its backend for as long as its flow lasts, and gets another when that one is gone. */
export function listenUdp(
  host: string,
  port: number,
  { balancer, clock }: { readonly balancer: Balancer; readonly clock: Clock },
): Promise<Forwarder> {
  const flows = new Map<string, Flow>()
  const server = createSocket('udp4')
  let stopSweep = () => {}

  function end(key: string, flow: Flow): void {
    if (flows.get(key) === flow) flows.delete(key)
    flow.socket.close()
  }

  function begin(key: string, client: RemoteInfo): Flow | undefined {
    const [backend] = balancer.order(client.address)
    if (backend === undefined || flows.size >= MAX_FLOWS) return undefined
    balancer.settle(client.address, backend)
    const socket = createSocket('udp4')
    const flow: Flow = { socket, backend, heardAt: clock.now() }
    // An answer that the port is closed ends the flow, so that the client's next datagram may find a better backend.
    socket.on('error', () => {
      if (flows.get(key) === flow) end(key, flow)
    })
    socket.on('message', message => {
      flow.heardAt = clock.now()
      server.send(message, client.port, client.address)
    })
    socket.connect(backend.port, backend.address)
    flows.set(key, flow)
    return flow
  }

  function sweep(): void {
    const now = clock.now()
    for (const [key, flow] of flows) if (now - flow.heardAt > IDLE_MS) end(key, flow)
    stopSweep = clock.after(IDLE_MS, sweep)
  }

  server.on('message', (message, client) => {
    const key = `${client.address}:${client.port}`
    const flow = flows.get(key) ?? begin(key, client)
    if (flow === undefined) return
    flow.heardAt = clock.now()
    sendWhenConnected(flow.socket, message)
  })

  const forwarder: Forwarder = {
    update() {
      for (const [key, flow] of flows) if (!balancer.has(flow.backend)) end(key, flow)
    },
    close() {
      stopSweep()
      for (const [key, flow] of flows) end(key, flow)
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.bind({ port, address: host, exclusive: true }, () => {
      server.off('error', reject)
      server.on('error', () => {})
      sweep()
      resolve(forwarder)
    })
  })
}

function sendWhenConnected(socket: Socket, message: Buffer): void {
  try {
    socket.remoteAddress()
    socket.send(message, () => {})
  } catch {
    socket.once('connect', () => socket.send(message, () => {}))
  }
}
