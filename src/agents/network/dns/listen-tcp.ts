import { createServer, type Server, type Socket } from 'node:net'
import { type Clock, Limit } from '../../../base/index.ts'
import { Admission } from './admission.ts'
import type { Answering } from './answering.ts'
import { TcpMessages, tcpMessage } from './tcp-messages.ts'

const MAX_CONNECTIONS = 256
const MAX_CONNECTIONS_PER_CLIENT = 32
/** Queries of one connection that are worked on at once; it is read no further until there is room (RFC 7766, section 6.2.1.1). */
const MAX_PIPELINED = 32
/** A connection without a query for so long is closed. */
const IDLE_MS = 10_000
const MAX_TCP_BYTES = 65_535

/** Answers on TCP, queries of one connection side by side. Resolves when it listens; rejects when it cannot. */
export function listenTcp(
  address: string,
  port: number,
  answering: Answering,
  clock: Clock,
): Promise<{ readonly server: Server; close(): void }> {
  const admission = new Admission(MAX_CONNECTIONS, MAX_CONNECTIONS_PER_CLIENT)
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    const client = socket.remoteAddress ?? ''
    const leave = answering.isServed(client) ? admission.enter(client) : undefined
    if (leave === undefined) {
      socket.destroy()
      return
    }
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => {
      sockets.delete(socket)
      leave()
    })
    void serve(socket, client, answering, clock)
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: address, port, exclusive: true }, () => {
      server.removeListener('error', reject)
      const close = () => {
        server.close()
        for (const socket of sockets) socket.destroy()
      }
      resolve({ server, close })
    })
  })
}

async function serve(socket: Socket, client: string, answering: Answering, clock: Clock): Promise<void> {
  const messages = new TcpMessages()
  const slots = new Limit(MAX_PIPELINED)
  let cancelIdle = () => {}
  const awaitNext = () => {
    cancelIdle()
    cancelIdle = clock.after(IDLE_MS, () => socket.destroy())
  }
  awaitNext()
  try {
    for await (const chunk of socket)
      for (const bytes of messages.take(chunk as Buffer)) {
        awaitNext()
        await new Promise<void>(hasSlot => {
          void slots.run(async () => {
            hasSlot()
            await answerOn(socket, bytes, client, answering)
          })
        })
      }
  } catch {
    // The client or the end of the server broke it off.
  } finally {
    cancelIdle()
    socket.destroy()
  }
}

/** Resolves when the answer is with the kernel, so that a client that reads nothing is not read either. */
function answerOn(socket: Socket, bytes: Buffer, client: string, answering: Answering): Promise<void> {
  return new Promise(resolve => {
    const isQuery = answering.answer(
      bytes,
      client,
      () => MAX_TCP_BYTES,
      answer => {
        socket.write(tcpMessage(answer), () => resolve())
      },
    )
    if (isQuery) return
    socket.destroy()
    resolve()
  })
}
