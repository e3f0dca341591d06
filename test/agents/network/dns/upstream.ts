import { createSocket, type Socket } from 'node:dgram'
import { createServer, type Server } from 'node:net'
import { type Answer, type DecodedPacket, decode, encode, type Packet, streamEncode } from 'dns-packet'

/** What a test's resolver says to a query; undefined: nothing at all. */
export type Script = (name: string, type: string, query: DecodedPacket) => Partial<Packet> | undefined

/** A resolver on the loopback that says what a test wants, over UDP and TCP. */
export interface Upstream {
  readonly port: number
  /** The queries that came, in the order in which they did: `udp A example.com`. */
  readonly asked: readonly string[]
  script: Script
  close(): Promise<void>
}

/** An answer with one address. */
export function address(name: string, data: string, ttl: number = 60): Partial<Packet> {
  return { answers: [{ name, type: 'A', ttl, data }] }
}

/** NXDOMAIN, to be believed for `seconds`. */
export function noName(seconds: number): Partial<Packet> {
  const data = {
    mname: 'ns.example',
    rname: 'admin.example',
    serial: 1,
    refresh: 2,
    retry: 3,
    expire: 4,
    minimum: seconds,
  }
  const soa: Answer = { name: 'example', type: 'SOA', ttl: 3600, data }
  return { flags: 3, authorities: [soa] }
}

export async function startUpstream(
  script: Script,
  host: string = '127.0.0.1',
  port: number = 0,
): Promise<Upstream> {
  const asked: string[] = []
  function answer(bytes: Buffer, transport: string): Packet | undefined {
    const query = decode(bytes)
    const { name = '', type = 'A' } = query.questions?.[0] ?? {}
    asked.push(`${transport} ${type} ${name}`)
    const said = upstream.script(name, type, query)
    if (said === undefined) return undefined
    return { type: 'response', id: query.id ?? 0, questions: query.questions ?? [], ...said }
  }
  const udp = createSocket('udp4')
  udp.on('message', (bytes, from) => {
    const said = answer(bytes, 'udp')
    if (said !== undefined) udp.send(encode(said), from.port, from.address)
  })
  await listenUdp(udp, host, port)
  const bound = udp.address().port
  const tcp = createServer(socket => {
    socket.on('error', () => {})
    socket.on('data', chunk => {
      const said = answer(chunk.subarray(2), 'tcp')
      if (said !== undefined) socket.write(streamEncode(said))
    })
  })
  try {
    await listenTcp(tcp, host, bound)
  } catch (error) {
    udp.close()
    // A port that was free for one of the two need not be for the other.
    if (port === 0 && hasErrno(error, 'EADDRINUSE')) return startUpstream(script, host)
    throw error
  }
  const upstream: Upstream = {
    port: bound,
    asked,
    script,
    async close() {
      udp.close()
      await new Promise(resolve => tcp.close(resolve))
    },
  }
  return upstream
}

function hasErrno(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code
}

function listenUdp(socket: Socket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, host, () => resolve())
  })
}

function listenTcp(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve())
  })
}
