import { decode, encode, TRUNCATED_RESPONSE } from 'dns-packet'
import { afterEach, describe, expect, it } from 'vitest'
import type { Resolver } from '../../../../src/agents/network/dns/ask-resolver.ts'
import { createForwarder, type Forwarder } from '../../../../src/agents/network/dns/forwarder.ts'
import { isBadQuery, type Query, readQuery } from '../../../../src/agents/network/dns/message.ts'
import { type Clock, systemClock, systemIds } from '../../../../src/base/index.ts'
import { eventually } from '../../../base/eventually.ts'
import { FakeClock } from '../../../base/fake-clock.ts'
import { address, noName, type Script, startUpstream, type Upstream } from './upstream.ts'

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

async function upstreamWith(script: Script): Promise<Upstream> {
  const upstream = await startUpstream(script)
  endings.push(() => upstream.close())
  return upstream
}

function forwarderTo(upstreams: readonly (Upstream | number)[], clock: Clock = systemClock): Forwarder {
  const known: Resolver[] = upstreams.map(upstream => ({
    address: '127.0.0.1',
    port: typeof upstream === 'number' ? upstream : upstream.port,
  }))
  const forwarder = createForwarder({ resolvers: () => Promise.resolve(known), clock, ids: systemIds })
  endings.push(() => forwarder.close())
  return forwarder
}

function query(name: string, type: 'A' | 'AAAA' | 'TXT' = 'A'): Query {
  const read = readQuery(encode({ type: 'query', id: 1, questions: [{ name, type }] }))
  if (read === undefined || isBadQuery(read)) throw new Error('it is a good query')
  return read
}

/** The addresses and times to live of an answer. */
async function ask(forwarder: Forwarder, name: string): Promise<string> {
  const message = await forwarder.forward(query(name))
  if (message === undefined) return 'nobody knows'
  const { answers = [], rcode } = decode(message) as ReturnType<typeof decode> & { rcode: string }
  if (answers.length === 0) return rcode
  return answers
    .map(answer => ('ttl' in answer && 'data' in answer ? `${answer.data} ${answer.ttl}` : ''))
    .join(', ')
}

/** A port of the loopback where nobody listens. */
async function closedPort(): Promise<number> {
  const upstream = await startUpstream(() => undefined)
  await upstream.close()
  return upstream.port
}

describe('createForwarder()', () => {
  it('keeps an answer for as long as it says, and tells how long is left', async () => {
    const clock = new FakeClock()
    const upstream = await upstreamWith(name => address(name, '192.0.2.1', 60))
    const forwarder = forwarderTo([upstream], clock)
    expect(await ask(forwarder, 'www.example')).toBe('192.0.2.1 60')
    await clock.advance(20_000)
    expect(await ask(forwarder, 'WWW.example')).toBe('192.0.2.1 40')
    expect(upstream.asked).toHaveLength(1)
    await clock.advance(40_000)
    expect(await ask(forwarder, 'www.example')).toBe('192.0.2.1 60')
    expect(upstream.asked).toHaveLength(2)
  })

  it('believes that a name does not exist for as long as its zone says', async () => {
    const clock = new FakeClock()
    const upstream = await upstreamWith(() => noName(30))
    const forwarder = forwarderTo([upstream], clock)
    for (let times = 0; times < 3; times += 1) expect(await ask(forwarder, 'no.example')).toBe('NXDOMAIN')
    expect(upstream.asked).toHaveLength(1)
    await clock.advance(30_000)
    expect(await ask(forwarder, 'no.example')).toBe('NXDOMAIN')
    expect(upstream.asked).toHaveLength(2)
  })

  it('asks once for what many want to know at once', async () => {
    const upstream = await upstreamWith(name => address(name, '192.0.2.1'))
    const forwarder = forwarderTo([upstream])
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(forwarder, 'www.example')))
    expect(new Set(answers)).toEqual(new Set(['192.0.2.1 60']))
    expect(upstream.asked).toHaveLength(1)
  })

  it('asks the next resolver when nobody listens at the first, and the living one first from then on', async () => {
    const living = await upstreamWith(name => address(name, '192.0.2.1'))
    const forwarder = forwarderTo([await closedPort(), living])
    expect(await ask(forwarder, 'a.example')).toBe('192.0.2.1 60')
    expect(await ask(forwarder, 'b.example')).toBe('192.0.2.1 60')
    expect(living.asked).toEqual(['udp A a.example', 'udp A b.example'])
  })

  it.each([
    ['fails', 2],
    ['refuses', 5],
  ])('asks the next resolver when one %s', async (_, rcode) => {
    const failing = await upstreamWith(() => ({ flags: rcode }))
    const living = await upstreamWith(name => address(name, '192.0.2.1'))
    expect(await ask(forwarderTo([failing, living]), 'a.example')).toBe('192.0.2.1 60')
  })

  it('asks the next resolver when one says nothing, and takes whichever answers', async () => {
    const clock = new FakeClock()
    const silent = await upstreamWith(() => undefined)
    const living = await upstreamWith(name => address(name, '192.0.2.1'))
    const answer = ask(forwarderTo([silent, living], clock), 'a.example')
    await eventually('the silent one to be asked', () => silent.asked.length > 0)
    await clock.advance(1000)
    expect(await answer).toBe('192.0.2.1 60')
  })

  it('asks the only resolver again when a datagram was lost', async () => {
    const clock = new FakeClock()
    const upstream: Upstream = await upstreamWith(name =>
      upstream.asked.length > 1 ? address(name, '192.0.2.1') : undefined,
    )
    const answer = ask(forwarderTo([upstream], clock), 'a.example')
    await eventually('it to be asked', () => upstream.asked.length > 0)
    await clock.advance(1000)
    expect(await answer).toBe('192.0.2.1 60')
  })

  it('says that nobody knows when the deadline has passed, and keeps nothing open', async () => {
    const clock = new FakeClock()
    const silent = await upstreamWith(() => undefined)
    const answer = ask(forwarderTo([silent], clock), 'a.example')
    for (let attempts = 1; attempts <= 3; attempts += 1) {
      await eventually('the next attempt', () => silent.asked.length === attempts)
      await clock.advance(1000)
    }
    await clock.advance(1000)
    expect(await answer).toBe('nobody knows')
    expect(clock.pending).toBe(0)
  })

  it('says so at once when there is no resolver, or none that can be reached', async () => {
    expect(await ask(forwarderTo([]), 'a.example')).toBe('nobody knows')
    expect(await ask(forwarderTo([await closedPort()]), 'a.example')).toBe('nobody knows')
  })

  it('gives an answer past its time while nobody answers, and the new one when somebody does', async () => {
    const clock = new FakeClock()
    const upstream = await upstreamWith(name => address(name, '192.0.2.1', 60))
    const forwarder = forwarderTo([upstream], clock)
    await ask(forwarder, 'a.example')
    await clock.advance(3_600_000)
    upstream.script = () => ({ flags: 2 })
    expect(await ask(forwarder, 'a.example')).toBe('192.0.2.1 30')
    // For some seconds the resolvers are left alone.
    const asked = upstream.asked.length
    expect(await ask(forwarder, 'a.example')).toBe('192.0.2.1 30')
    expect(upstream.asked).toHaveLength(asked)
    upstream.script = name => address(name, '192.0.2.2', 60)
    await clock.advance(10_000)
    expect(await ask(forwarder, 'a.example')).toBe('192.0.2.2 60')
  })

  it('gives an answer past its time rather than let anybody wait for long', async () => {
    const clock = new FakeClock()
    const upstream = await upstreamWith(name => address(name, '192.0.2.1', 60))
    const forwarder = forwarderTo([upstream], clock)
    await ask(forwarder, 'a.example')
    await clock.advance(61_000)
    upstream.script = () => undefined
    const answer = ask(forwarder, 'a.example')
    await eventually('it to be asked', () => upstream.asked.length > 1)
    await clock.advance(1800)
    expect(await answer).toBe('192.0.2.1 30')
  })

  it('fetches by TCP what did not fit a datagram', async () => {
    const upstream = await upstreamWith(name =>
      upstream.asked.at(-1)?.startsWith('udp')
        ? { flags: TRUNCATED_RESPONSE }
        : { answers: [1, 2].map(at => ({ name, type: 'A' as const, ttl: 9, data: `192.0.2.${at}` })) },
    )
    expect(await ask(forwarderTo([upstream]), 'big.example')).toBe('192.0.2.1 9, 192.0.2.2 9')
  })

  it('does not take the word of somebody who guesses', async () => {
    const clock = new FakeClock()
    const upstream = await upstreamWith((name, _type, { id = 0 }) => ({
      ...address(name, '192.0.2.66'),
      id: (id + 1) % 65_536,
    }))
    const answer = ask(forwarderTo([upstream], clock), 'a.example')
    for (let attempts = 1; attempts <= 3; attempts += 1) {
      await eventually('the next attempt', () => upstream.asked.length === attempts)
      await clock.advance(1000)
    }
    await clock.advance(1000)
    expect(await answer).toBe('nobody knows')
  })

  it('asks a limited number of questions at once', async () => {
    const clock = new FakeClock()
    const silent = await upstreamWith(() => undefined)
    const forwarder = forwarderTo([silent], clock)
    const open = Array.from({ length: 256 }, (_, at) => ask(forwarder, `${at}.example`))
    expect(await ask(forwarder, 'one.more.example')).toBe('nobody knows')
    forwarder.close()
    expect(new Set(await Promise.all(open))).toEqual(new Set(['nobody knows']))
  })
})
