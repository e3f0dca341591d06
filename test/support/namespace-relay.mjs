/**
 * Runs inside a network namespace and opens connections there for a process outside. It listens on a socket of the file
 * system, which namespaces share: `node namespace-relay.mjs SOCKET`. A client writes one line, `tcp HOST PORT` or
 * `udp HOST PORT TIMEOUT-MS BASE64`. TCP: after the answer `ok` or `error CODE`, bytes go both ways. UDP: the answer is
 * `ok BASE64` or `error CODE`, and the end.
 */
import { createSocket } from 'node:dgram'
import { connect, createServer } from 'node:net'

const server = createServer({ allowHalfOpen: true }, client => {
  client.on('error', () => undefined)
  let head = Buffer.alloc(0)
  client.on('data', function readHead(chunk) {
    head = Buffer.concat([head, chunk])
    const end = head.indexOf(10)
    if (end < 0) return
    client.off('data', readHead)
    client.pause()
    const [protocol, host, port, ...rest] = head.subarray(0, end).toString().split(' ')
    if (protocol === 'udp') askByUdp(client, host, Number(port), rest)
    else relayTcp(client, host, Number(port))
  })
})

function relayTcp(client, host, port) {
  const target = connect({ host, port, allowHalfOpen: true, noDelay: true })
  let connected = false
  target.once('connect', () => {
    connected = true
    client.write('ok\n')
    client.pipe(target)
    target.pipe(client)
  })
  target.on('error', error => {
    if (!connected) return void client.end(`error ${error.code}\n`)
    client.destroy()
  })
  target.on('close', () => (connected ? client.end() : client.destroySoon()))
  client.on('close', () => target.destroy())
}

function askByUdp(client, host, port, [timeoutMs, message]) {
  const socket = createSocket('udp4')
  const timer = setTimeout(() => finish('error ETIMEDOUT'), Number(timeoutMs))
  function finish(answer) {
    clearTimeout(timer)
    socket.close()
    client.end(`${answer}\n`)
  }
  socket.once('error', error => finish(`error ${error.code}`))
  socket.once('message', data => finish(`ok ${data.toString('base64')}`))
  // Connected, so that a refusal is heard of.
  socket.connect(port, host, () => socket.send(Buffer.from(message, 'base64')))
}

server.listen(process.argv[2], () => process.stdout.write('ready\n'))
// It ends with the process that started it, however that ends.
process.stdin.on('end', () => process.exit()).resume()
