/**
 * A process inside a network namespace: serves TCP and UDP on the ports that it is told, answering `<name> <client's address>`, and
 * makes connections when asked. Requests come as JSON lines on its standard input, answers go to its standard output.
 */
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'

const [name] = process.argv.slice(2)
const flows = new Map()

const requests = {
  serve: ({ protocol, port, host }) =>
    new Promise((resolve, reject) => {
      if (protocol === 'UDP') {
        const socket = createSocket('udp4')
        socket.on('error', reject)
        socket.on('message', (_, { address, port }) => socket.send(`${name} ${address}`, port, address))
        socket.bind(port, host ?? '0.0.0.0', () => resolve(''))
      } else {
        const server = createServer(socket => {
          socket.on('error', () => {})
          socket.on('data', () => socket.end(`${name} ${socket.remoteAddress}`))
        })
        server.on('error', reject)
        server.listen(port, host ?? '0.0.0.0', () => resolve(''))
      }
    }),
  tcp: ({ host, port, localAddress, timeoutMs = 1500 }) =>
    new Promise((resolve, reject) => {
      const socket = connect({ host, port, localAddress, timeout: timeoutMs })
      let answer = ''
      socket.on('connect', () => socket.write('?'))
      socket.on('data', data => {
        answer += data
      })
      socket.on('timeout', () => socket.destroy(Object.assign(new Error('silent'), { code: 'silent' })))
      socket.on('error', reject)
      socket.on('close', () => resolve(answer))
    }),
  /** `flow`: a name of a socket that is kept, so that the next request comes from the same port. */
  udp: ({ host, port, flow, timeoutMs = 1500 }) =>
    new Promise((resolve, reject) => {
      const kept = flows.get(flow)
      const socket = kept ?? createSocket('udp4')
      if (flow !== undefined) flows.set(flow, socket)
      const end = (settle, value) => {
        clearTimeout(timer)
        socket.removeAllListeners()
        // A late error of a kept socket belongs to no request.
        socket.on('error', () => {})
        if (flow === undefined) socket.close()
        settle(value)
      }
      const timer = setTimeout(() => end(reject, { code: 'silent' }), timeoutMs)
      socket.on('message', message => end(resolve, String(message)))
      socket.on('error', error => end(reject, error))
      const send = () => socket.send('?', error => error && end(reject, error))
      if (kept !== undefined) send()
      else socket.connect(port, host, send)
    }),
}

createInterface({ input: process.stdin }).on('line', async line => {
  const { id, kind, ...request } = JSON.parse(line)
  try {
    console.log(JSON.stringify({ id, answer: await requests[kind](request) }))
  } catch (error) {
    console.log(JSON.stringify({ id, error: error.code ?? error.message }))
  }
})
