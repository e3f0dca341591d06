import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { decode, encode } from 'dns-packet'
import type { Bench, Line, Section } from '../measurement.ts'
import { median, percentile } from '../statistics.ts'

/** Queries on their way at any time, each from a socket of its own, as if of so many pods. */
const IN_FLIGHT = 64
/** Queries before any is counted: the server's code is compiled by then. */
const WARM_UP = 20_000
/** Other names than services' come back from a resolver within this process, and then from memory. */
const OUTSIDE = 200

/**
 * What pods ask: mostly services, in the four forms that search lists make of a name, some names outside. The server holds 5,000
 * services of which 100 a second change. The reference sends datagrams back: as little as a process of Node can do.
 */
export const dns: Section = {
  name: 'dns',
  about: "answers of a node's DNS server under load",
  obstacle: () => undefined,
  async measure(bench) {
    const upstream = await startUpstream()
    const runs = bench.quick ? 1 : 3
    const ours: Load[] = []
    const reference: Load[] = []
    try {
      for (let run = 1; run <= runs; run += 1) {
        bench.note(`dns: run ${run} of ${runs}`)
        ours.push(await underLoad(bench, ['server', String(upstream.address().port)]))
        reference.push(await underLoad(bench, ['echo']))
      }
    } finally {
      upstream.close()
    }
    return linesOf(ours, reference)
  },
}

interface Load {
  readonly p50Ms: number
  readonly p99Ms: number
  /** How long a thousand queries take, so many at a time. */
  readonly thousandMs: number
  /** Queries that nobody answered within a second. */
  readonly lost: number
}

function linesOf(ours: readonly Load[], reference: readonly Load[]): readonly Line[] {
  const lost = ours.reduce((sum, load) => sum + load.lost, 0)
  if (lost > 0) throw new Error(`${lost} queries were not answered`)
  const line = (what: string, of: (load: Load) => number, aim: Line['aim']): Line => ({
    what,
    unit: 'ms',
    ours: median(ours.map(of)),
    reference: { value: median(reference.map(of)), what: 'datagrams sent back' },
    ...(aim === undefined ? {} : { aim }),
  })
  return [
    line(`DNS, ${IN_FLIGHT} at a time → answer, p99`, load => load.p99Ms, { value: 20 }),
    line(`DNS, ${IN_FLIGHT} at a time → answer, p50`, load => load.p50Ms, undefined),
    line('DNS, 1,000 queries', load => load.thousandMs, { ratio: 4 }),
  ]
}

async function underLoad(bench: Bench, args: readonly string[]): Promise<Load> {
  const program = spawn(
    process.execPath,
    ['--import', 'tsx', resolve(import.meta.dirname, '../fixture/dns-node.ts'), ...args],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  )
  try {
    const port = await portOf(program)
    await load(port, WARM_UP)
    return await load(port, bench.quick ? 20_000 : 60_000)
  } finally {
    program.stdin?.end()
    await once(program, 'exit')
  }
}

async function portOf(program: ChildProcess): Promise<number> {
  let text = ''
  for await (const chunk of program.stdout ?? []) {
    text += String(chunk)
    const port = / (\d+)\n/.exec(text)?.[1]
    if (port !== undefined) return Number(port)
  }
  throw new Error('the DNS server did not start')
}

/** Asks so often and says how it went. */
async function load(port: number, count: number): Promise<Load> {
  const times: number[] = []
  const begun = performance.now()
  let number = 0
  let lost = 0
  async function askAgainAndAgain(): Promise<void> {
    const socket = createSocket('udp4')
    await new Promise<void>(done => socket.connect(port, '127.0.0.1', done))
    while (number < count) {
      number += 1
      const at = performance.now()
      if (await exchange(socket, queryOf(number))) times.push(performance.now() - at)
      else lost += 1
    }
    socket.close()
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, askAgainAndAgain))
  const took = performance.now() - begun
  return {
    p50Ms: median(times),
    p99Ms: percentile(times, 0.99),
    thousandMs: (took / times.length) * 1000,
    lost,
  }
}

function exchange(socket: Socket, query: Buffer): Promise<boolean> {
  return new Promise(done => {
    const timer = setTimeout(() => finish(false), 1000)
    const onMessage = () => finish(true)
    function finish(isAnswered: boolean): void {
      clearTimeout(timer)
      socket.off('message', onMessage)
      done(isAnswered)
    }
    socket.on('message', onMessage)
    socket.send(query)
  })
}

function queryOf(number: number): Buffer {
  const service = `svc-${(number * 7) % 5000}`
  const namespace = `ns-${((number * 7) % 5000) % 50}`
  const names = [
    `${service}.${namespace}.svc.cluster.local`,
    `${service}.${namespace}.svc.cluster.local`,
    `${service}.svc.cluster.local`,
    `name-${number % OUTSIDE}.example`,
  ]
  const name = names[number % names.length] ?? ''
  return encode({
    type: 'query',
    id: number % 65_536,
    questions: [{ name, type: number % 8 === 1 ? 'AAAA' : 'A' }],
  })
}

/** The resolver of the host: knows every name. */
async function startUpstream(): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.on('message', (bytes, { port, address }) => {
    const { id = 0, questions = [] } = decode(bytes)
    const name = questions[0]?.name ?? ''
    socket.send(
      encode({
        type: 'response',
        id,
        questions,
        answers: [{ name, type: 'A', ttl: 300, data: '192.0.2.1' }],
      }),
      port,
      address,
    )
  })
  await new Promise<void>(done => socket.bind(0, '127.0.0.2', done))
  return socket
}
