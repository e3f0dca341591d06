import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { systemClock } from '../../src/base/index.ts'
import { Fleet } from '../support/fleet.ts'
import { haproxyMissing } from '../support/haproxy.ts'
import { type TestHost, TestHosts, testHostsAvailability } from '../support/hosts.ts'
import { WEB_ROUTES, webDeployment } from './support/manifests.ts'

const { available, reason } = testHostsAvailability()
const why = haproxyMissing ?? (available ? undefined : reason)

/** Two on each host. */
const PODS = 6
/** Each has a request on its way at any time: some meet what ends right now. */
const CLIENTS = 6
/** As long as a browser waits at least. A host that vanishes is silent for some seconds before others are sure of it. */
const PATIENCE_MS = 30_000

/** What became of the requests since the last time that somebody asked. */
interface Report {
  readonly answers: number
  readonly texts: ReadonlySet<string>
  readonly failures: readonly string[]
}

describe.skipIf(why !== undefined)(`the ingress of a host that stays, under load (${why ?? reason})`, () => {
  let hosts: TestHosts
  let fleet: Fleet
  /** Its ingress is asked; its agent comes and goes, itself it stays. */
  let stays: TestHost
  let load: Load

  beforeAll(async () => {
    hosts = await TestHosts.start({ hosts: 3 })
    fleet = await Fleet.create({ main: inject('bowlineMain'), hosts })
    stays = hosts.host(1)
    await fleet.repository.push('a shop', {
      'bowline.yaml': 'apps: apps/*\n',
      'apps/shop/web.yaml': shop('one'),
      'apps/shop/routes.yaml': WEB_ROUTES,
    })
    await fleet.start()
    await fleet.readyPods('shop', PODS)
    load = new Load(() => ask())
    await fleet.until('the first answer', async () => (await ask()) === 'one')
    load.start()
  }, 300_000)
  afterAll(async () => {
    await load?.stop()
    await fleet?.destroy()
    await hosts?.destroy()
  })

  function shop(text: string): string {
    return webDeployment('web', text, PODS, { drainSeconds: 2, thinkSeconds: 0.2 })
  }

  async function ask(): Promise<string> {
    const at = { host: stays.address, port: 80 }
    const options = { at, timeoutMs: PATIENCE_MS }
    const { status, body } = await hosts.outside.request('http://shop.test/cgi-bin/slow', options)
    if (status !== 200) throw new Error(`${status} ${body.trim()}`)
    return body.trim()
  }

  /** Every host has its pods, all are ready, and the load has gone on for a while: nothing of it failed. */
  async function nothingFailed(): Promise<Report> {
    await fleet.untilReady(...hosts.all)
    await fleet.readyPods('shop', PODS)
    await load.untilAsked(8)
    const report = load.report()
    expect(report.failures).toEqual([])
    expect(report.answers).toBeGreaterThan(8 * CLIENTS)
    return report
  }

  it('no request fails while a host is drained and taken into service again', async () => {
    const drained = await fleet.bowline('host', 'drain', 'h2')
    expect(drained.code, drained.stderr + drained.stdout).toBe(0)
    expect((await fleet.pods('shop')).map(({ spec }) => spec?.nodeName)).not.toContain('h2')
    expect((await fleet.bowline('host', 'uncordon', 'h2')).code).toBe(0)
    await nothingFailed()
  })

  it('no request fails while a new version is rolled out, also to the host that is back', async () => {
    expect((await fleet.deploy('the next one', { 'apps/shop/web.yaml': shop('two') })).code).toBe(0)
    const { texts } = await nothingFailed()
    expect([...texts].sort()).toEqual(['one', 'two'])
    const used = new Set((await fleet.pods('shop')).map(({ spec }) => spec?.nodeName))
    expect([...used].sort()).toEqual(['h1', 'h2', 'h3'])
  })

  it('no request fails while agents are killed and start again, also the one of the asked host', async () => {
    for (const host of [hosts.host(2), stays]) {
      await fleet.stopAgent(host, 'SIGKILL')
      await load.untilAsked(5)
      await fleet.startAgent(host)
      await nothingFailed()
    }
  })

  it('no request fails while the engine of another host is killed with its pods, and starts again', async () => {
    await hosts.host(2).restartEngine('kill')
    await nothingFailed()
  })

  it('no request fails while the server is killed and starts again', async () => {
    await fleet.stopServer('SIGKILL')
    await load.untilAsked(8)
    await fleet.startServer()
    await nothingFailed()
  })

  it('no request fails while another host loses its power and starts again', async () => {
    const host = hosts.host(3)
    await host.powerOff()
    await load.untilAsked(12)
    await host.powerOn()
    await fleet.startAgent(host)
    await nothingFailed()
  })

  it('no request fails while nothing of another host is heard for a while', async () => {
    await hosts.host(2).cutCable()
    await load.untilAsked(12)
    await hosts.host(2).mendCable()
    await nothingFailed()
  })
})

/** Several clients that ask again as soon as they are answered, each time over a connection of its own. */
class Load {
  readonly #ask: () => Promise<string>
  #clients: readonly Promise<void>[] = []
  #isStopped = false
  /** How many requests of each client have come to their end. */
  readonly #ended: number[] = Array.from({ length: CLIENTS }, () => 0)
  #answers = 0
  #texts = new Set<string>()
  #failures: string[] = []

  constructor(ask: () => Promise<string>) {
    this.#ask = ask
  }

  start(): void {
    this.#clients = this.#ended.map((_, client) => this.#run(client))
  }

  /** Resolves when so many more requests of every client have come to an end: whatever is on its way now is among them. */
  async untilAsked(count: number): Promise<void> {
    const goals = this.#ended.map(ended => ended + count)
    while (goals.some((goal, client) => (this.#ended[client] ?? 0) < goal)) await systemClock.sleep(20)
  }

  report(): Report {
    const report = { answers: this.#answers, texts: this.#texts, failures: this.#failures }
    this.#answers = 0
    this.#texts = new Set()
    this.#failures = []
    return report
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#clients)
  }

  async #run(client: number): Promise<void> {
    while (!this.#isStopped) {
      const begin = systemClock.now()
      try {
        this.#texts.add(await this.#ask())
        this.#answers += 1
      } catch (error) {
        this.#failures.push(`${String(error)} after ${systemClock.now() - begin} ms`)
      }
      this.#ended[client] = (this.#ended[client] ?? 0) + 1
      await systemClock.sleep(20)
    }
  }
}
