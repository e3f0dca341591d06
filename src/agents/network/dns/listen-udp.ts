import { createSocket, type Socket } from 'node:dgram'
import type { Answering } from './answering.ts'
import { udpLimit } from './message.ts'

export interface UdpListener {
  readonly socket: Socket
  close(): void
}

/** Holds some thousand queries while the agent is busy elsewhere; the kernel may allow less. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024

/** Answers on UDP. Resolves when it listens; rejects when it cannot. */
export function listenUdp(address: string, port: number, answering: Answering): Promise<UdpListener> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: RECEIVE_BUFFER_BYTES })
  let isOpen = true
  const close = () => {
    isOpen = false
    socket.close()
  }
  socket.on('message', (bytes, client) => {
    if (!answering.isServed(client.address)) return
    answering.answer(bytes, client.address, udpLimit, answer => {
      // Whether it arrives is the client's to find out.
      if (isOpen) socket.send(answer, client.port, client.address, () => {})
    })
  })
  return new Promise((resolve, reject) => {
    socket.once('error', error => {
      close()
      reject(error)
    })
    socket.bind({ address, port, exclusive: true }, () => {
      socket.removeAllListeners('error')
      resolve({ socket, close })
    })
  })
}
