import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, it } from 'vitest'
import { Forwarders } from '../../../../src/agents/network/proxy/forwarders.ts'
import type { Frontend } from '../../../../src/agents/network/proxy/frontends.ts'
import { silentLogger, systemIds } from '../../../../src/base/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { FakeClock } from '../../../base/fake-clock.ts'

const HOST = '127.43.77.1'
let closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.reverse()) await close()
  closers = []
})

function forwarders(clock = new FakeClock()) {
  const made = new Forwarders({ clock, ids: systemIds, log: silentLogger })
  closers.push(() => made.close())
  return made
}

async function server(
  onConnection: (socket: Socket) => void,
): Promise<{ address: string; port: number; server: Server }> {
  const listening = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    onConnection(socket)
  }).listen(0, '127.0.0.1')
  closers.push(() => listening.close())
  await once(listening, 'listening')
  return { address: '127.0.0.1', port: (listening.address() as AddressInfo).port, server: listening }
}

/** Says its name and ends. */
const named = (name: string) => server(socket => socket.end(name))

async function udpServer(name: string) {
  const socket = createSocket('udp4')
  socket.on('message', (_, { port, address }) => socket.send(name, port, address))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  let isOpen = true
  const close = () => {
    if (isOpen) socket.close()
    isOpen = false
  }
  closers.push(close)
  return { address: '127.0.0.1', port: socket.address().port, close }
}

/** A port that nobody listens on at this moment. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, HOST)
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

async function frontend(backends: Frontend['backends'], more: Partial<Frontend> = {}): Promise<Frontend> {
  const fixed = { owner: 'default/web', protocol: 'TCP', host: HOST, affinitySeconds: undefined } as const
  return { ...fixed, port: await freePort(), backends, ...more }
}

async function listening(made: Forwarders, ...wanted: readonly Frontend[]): Promise<void> {
  made.set(wanted)
  await eventually('it to listen', () => made.listening.length === wanted.length)
}

async function ask({ host, port }: Frontend): Promise<string> {
  const socket = connect(port, host)
  return await text(socket).catch(error => (error as { code: string }).code)
}

describe('Forwarders, TCP', () => {
  it('spread connections over the backends, and pass over one that does not accept', async () => {
    const [one, two] = [await named('one'), await named('two')]
    const gone = { address: '127.0.0.1', port: await freePort() }
    const made = forwarders()
    const web = await frontend([one, gone, two])
    await listening(made, web)
    const answers = new Set<string>()
    for (let request = 0; request < 40; request += 1) answers.add(await ask(web))
    expect([...answers].sort()).toEqual(['one', 'two'])
  })

  it('refuse when nothing is behind a frontend, and reset when nothing accepts', async () => {
    const made = forwarders()
    const web = await frontend([{ address: '127.0.0.1', port: await freePort() }])
    await listening(made, web)
    expect(await ask(web)).toBe('ECONNRESET')
    made.set([])
    await eventually('it to be refused', async () => (await ask(web)) === 'ECONNREFUSED')
  })

  it('a client that has said all still hears the answer', async () => {
    const counting = await server(socket => {
      let bytes = 0
      socket.on('data', data => {
        bytes += data.length
      })
      socket.on('end', () => socket.end(`${bytes} bytes`))
    })
    const made = forwarders()
    const web = await frontend([counting])
    await listening(made, web)
    const socket = connect({ host: HOST, port: web.port, allowHalfOpen: true })
    socket.end('x'.repeat(100_000))
    expect(await text(socket)).toBe('100000 bytes')
    socket.destroy()
  })

  it('a slow reader slows its writer', async () => {
    let accepted: Socket | undefined
    const sink = await server(socket => {
      accepted = socket.pause()
    })
    const made = forwarders()
    const web = await frontend([sink])
    await listening(made, web)
    const socket = connect(web.port, HOST)
    closers.push(() => socket.destroy())
    const block = Buffer.alloc(1 << 20)
    let written = 0
    // Some megabytes fit into buffers of the kernel; a proxy that reads on would take them all.
    while (written < 256 && socket.write(block)) written += 1
    for (let waits = 0; waits < 256; waits += 1) {
      const drained = await Promise.race([once(socket, 'drain').then(() => true), pause().then(() => false)])
      if (!drained) break
      socket.write(block)
      written += 1
    }
    expect(written).toBeLessThan(64)
    accepted?.destroy()
  })

  it('connections outlive a change of backends and the frontend itself', async () => {
    const echo = await server(socket => socket.pipe(socket))
    const other = await named('other')
    const made = forwarders()
    const web = await frontend([echo])
    await listening(made, web)
    const socket = connect(web.port, HOST)
    closers.push(() => socket.destroy())
    const echoed = async (word: string) => {
      socket.write(word)
      return String((await once(socket, 'data'))[0])
    }
    expect(await echoed('before')).toBe('before')
    made.set([{ ...web, backends: [other] }])
    expect(await ask(web)).toBe('other')
    expect(await echoed('after')).toBe('after')
    made.set([])
    expect(await echoed('at last')).toBe('at last')
  })

  it('a reset of one end reaches the other', async () => {
    const resetting = await server(socket => socket.once('data', () => socket.resetAndDestroy()))
    const made = forwarders()
    const web = await frontend([resetting])
    await listening(made, web)
    const socket = connect(web.port, HOST)
    socket.write('x')
    const [error] = await once(socket, 'error')
    expect(error.code).toBe('ECONNRESET')
  })

  it('affinity keeps a client at its backend until it has been away for long', async () => {
    const backends = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(named))
    const clock = new FakeClock()
    const made = forwarders(clock)
    const web = await frontend(backends, { affinitySeconds: 60 })
    await listening(made, web)
    const first = await ask(web)
    for (let request = 0; request < 20; request += 1) {
      await clock.advance(59_000)
      expect(await ask(web)).toBe(first)
    }
    const answers = new Set<string>()
    for (let request = 0; request < 40; request += 1) {
      await clock.advance(61_000)
      answers.add(await ask(web))
    }
    expect(answers.size).toBeGreaterThan(1)
  })

  it('of two that share a host the second takes over when the first ends', async () => {
    const [one, two] = [await named('one'), await named('two')]
    const clock = new FakeClock()
    const [first, second] = [forwarders(clock), forwarders(clock)]
    const web = await frontend([one])
    await listening(first, web)
    second.set([{ ...web, backends: [two] }])
    expect(await ask(web)).toBe('one')
    await first.close()
    await eventually('the second to listen', async () => {
      await clock.advance(2_000)
      return second.listening.length === 1
    })
    expect(await ask(web)).toBe('two')
  })
})

describe('Forwarders, UDP', () => {
  async function client(): Promise<{ socket: UdpSocket; ask: (to: Frontend) => Promise<string> }> {
    const socket = createSocket('udp4')
    socket.bind(0, '127.0.0.1')
    await once(socket, 'listening')
    closers.push(() => socket.close())
    return {
      socket,
      async ask({ host, port }) {
        socket.send('?', port, host)
        const answer = once(socket, 'message').then(([message]) => String(message))
        return await Promise.race([answer, pause().then(() => 'silent')])
      },
    }
  }

  it('a client keeps its backend while that is there, and gets another when it is not', async () => {
    const [one, two] = [await udpServer('one'), await udpServer('two')]
    const made = forwarders()
    const dns = await frontend([one, two], { protocol: 'UDP' })
    await listening(made, dns)
    const { ask } = await client()
    const first = await ask(dns)
    for (let request = 0; request < 10; request += 1) expect(await ask(dns)).toBe(first)
    made.set([{ ...dns, backends: [first === 'one' ? two : one] }])
    expect(await ask(dns)).toBe(first === 'one' ? 'two' : 'one')
  })

  it('TCP and UDP share a port, and a flow whose backend closed its port may begin anew', async () => {
    const [tcp, one, two] = [await named('tcp'), await udpServer('one'), await udpServer('two')]
    const made = forwarders()
    const web = await frontend([tcp])
    const dns: Frontend = { ...web, protocol: 'UDP', backends: [one] }
    await listening(made, web, dns)
    const { ask: askUdp } = await client()
    expect(await askUdp(dns)).toBe('one')
    expect(await ask(web)).toBe('tcp')
    one.close()
    made.set([web, { ...dns, backends: [one, two] }])
    await eventually('another backend to answer', async () => (await askUdp(dns)) === 'two')
  })
})

/** Long enough for what is on its way on a machine that is busy. */
function pause(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, 250))
}
