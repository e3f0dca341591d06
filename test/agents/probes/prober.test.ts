import { createServer, type Server } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { runProbe } from '../../../src/agents/probes/probe.ts'
import { createProber, type ProbeKind, type Prober } from '../../../src/agents/probes/prober.ts'
import { firstVerdict, nextVerdict } from '../../../src/agents/probes/verdict.ts'
import { BowlineError, systemClock } from '../../../src/base/index.ts'
import type { Container, Probe } from '../../../src/kube/index.ts'
import { until } from '../support/test-agent.ts'

const endings: (() => unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0)) await end()
})

/** A web server that answers with what `status` says at the time. */
async function serve(status: () => number): Promise<number> {
  const server: Server = createServer((request, response) => {
    response.statusCode = request.headers['x-probe'] === 'no' ? 418 : status()
    response.end('busy')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  endings.push(() => new Promise(resolve => server.close(resolve)))
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

const exec = async (_id: string, command: readonly string[]) => {
  if (command[0] === 'slow') throw new BowlineError('timeout', 'Cannot run command: it took too long')
  return { exitCode: command[0] === 'true' ? 0 : 1, stdout: 'out ', stderr: 'err' }
}
const means = { clock: systemClock, exec }

function ask(probe: Probe, container: Partial<Container> = {}) {
  return runProbe(probe, { id: 'c', container: { name: 'app', ...container }, ip: '127.0.0.1' }, means)
}

describe('runProbe()', () => {
  it.each([200, 204, 301, 399])('runProbe() takes HTTP %i for healthy', async status => {
    const port = await serve(() => status)
    expect(await ask({ httpGet: { port } })).toEqual({ ok: true, output: '' })
  })

  it.each([400, 404, 500, 503])('runProbe() takes HTTP %i for unhealthy', async status => {
    const port = await serve(() => status)
    expect(await ask({ httpGet: { port } })).toEqual({
      ok: false,
      output: `HTTP probe failed with statuscode: ${status}`,
    })
  })

  it('runProbe() sends the headers of the probe and finds ports by name', async () => {
    const port = await serve(() => 200)
    const httpHeaders = [{ name: 'X-Probe', value: 'no' }]
    const ports = [{ name: 'web', containerPort: port }]
    expect((await ask({ httpGet: { port: 'web' } }, { ports })).ok).toBe(true)
    expect((await ask({ httpGet: { port: 'web', httpHeaders } }, { ports })).output).toContain('418')
    expect((await ask({ httpGet: { port: 'other' } }, { ports })).output).toBe("couldn't find port: other")
  })

  it('runProbe() says in familiar words that nobody listens', async () => {
    const refused = 'dial tcp 127.0.0.1:1: connect: connection refused'
    expect(await ask({ tcpSocket: { port: 1 } })).toEqual({ ok: false, output: refused })
    expect(await ask({ httpGet: { port: 1, path: 'x' } })).toEqual({
      ok: false,
      output: `Get "http://127.0.0.1:1/x": ${refused}`,
    })
  })

  it('runProbe() opens a TCP port', async () => {
    const port = await serve(() => 200)
    expect(await ask({ tcpSocket: { port } })).toEqual({ ok: true, output: '' })
  })

  it('runProbe() runs commands, and takes a slow one for unhealthy', async () => {
    expect((await ask({ exec: { command: ['true'] } })).ok).toBe(true)
    expect(await ask({ exec: { command: ['false'] } })).toEqual({ ok: false, output: 'out err' })
    expect(await ask({ exec: { command: ['slow', 'x'] } })).toEqual({
      ok: false,
      output: 'command "slow x" timed out',
    })
  })

  it('runProbe() survives a header that cannot be sent', async () => {
    const httpHeaders = [{ name: 'bad header', value: 'x' }]
    expect((await ask({ httpGet: { port: 1, httpHeaders } })).ok).toBe(false)
  })
})

describe('nextVerdict()', () => {
  it.each<[string, boolean, Probe, string, string]>([
    ['readiness with defaults', false, {}, '-+---+', '-+++-+'],
    ['liveness with defaults', true, {}, '--+---', '+++++-'],
    ['a success threshold of 2', false, { successThreshold: 2, failureThreshold: 1 }, '+-++-', '---+-'],
    ['a failure threshold of 1', true, { failureThreshold: 1 }, '+-+', '+-+'],
  ])('nextVerdict() counts answers for %s', (_, healthy, probe, answers, expected) => {
    let verdict = firstVerdict(healthy)
    let seen = ''
    for (const answer of answers) {
      verdict = nextVerdict(verdict, answer === '+', probe)
      seen += verdict.healthy ? '+' : '-'
    }
    expect(seen).toBe(expected)
  })
})

describe('createProber()', () => {
  interface Seen {
    health: { started: boolean; ready: boolean }[]
    unhealthy: ProbeKind[]
    condemned: string[]
    prober: Prober
  }

  function follow(container: Partial<Container>, known = { started: false, ready: false }): Seen {
    const seen = { health: [], unhealthy: [], condemned: [] } as Omit<Seen, 'prober'>
    const observer = {
      healthChanged: (_: string, health: { started: boolean; ready: boolean }) => seen.health.push(health),
      unhealthy: (_: string, kind: ProbeKind) => seen.unhealthy.push(kind),
      condemned: (_: string, kind: string) => seen.condemned.push(kind),
    }
    const prober = createProber({ ...means, observer })
    endings.push(() => prober.close())
    const spec = { name: 'app', ...container }
    prober.follow({ id: 'c', container: spec, ip: '127.0.0.1', startedAt: systemClock.now(), ...known })
    return { ...seen, prober }
  }

  it('Prober.follow() calls a container without probes started and ready at once', () => {
    expect(follow({}).health).toEqual([{ started: true, ready: true }])
  })

  it('Prober.follow() believes what was published of a container that an earlier agent knew', () => {
    const readinessProbe = { exec: { command: ['true'] }, initialDelaySeconds: 100 }
    expect(follow({ readinessProbe }, { started: true, ready: true }).health).toEqual([
      { started: true, ready: true },
    ])
  })

  it('Prober.follow() asks a starting container sooner than its period, and tells of it once', async () => {
    let status = 503
    const port = await serve(() => status)
    const seen = follow({ readinessProbe: { httpGet: { port }, periodSeconds: 60 } })
    await until('it was asked', () => seen.unhealthy.length > 0)
    status = 200
    await until('it is ready', () => seen.health.at(-1)?.ready)
    expect(seen.unhealthy).toEqual(['Readiness'])
  })

  it('Prober.follow() asks nothing else before the startup probe has succeeded', async () => {
    let status = 503
    const port = await serve(() => status)
    const seen = follow({
      startupProbe: { httpGet: { port }, periodSeconds: 1, failureThreshold: 30 },
      livenessProbe: { exec: { command: ['false'] }, failureThreshold: 1 },
    })
    await until('it was asked', () => seen.unhealthy.length > 0)
    expect(seen.health).toEqual([{ started: false, ready: false }])
    expect(seen.condemned).toEqual([])
    status = 200
    await until('the liveness probe was asked', () => seen.condemned.length > 0)
    expect(seen.health.at(-1)).toEqual({ started: true, ready: true })
    expect(seen.condemned).toEqual(['Liveness'])
  })

  it('Prober.follow() condemns a container that does not start in time', async () => {
    const seen = follow({
      startupProbe: { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1 },
    })
    await until('it is condemned', () => seen.condemned.length > 0)
    expect(seen.condemned).toEqual(['Startup'])
    expect(seen.health.at(-1)).toEqual({ started: false, ready: false })
  })
})
