import { afterAll, beforeAll, describe, inject, it } from 'vitest'
import { systemClock } from '../../src/base/index.ts'
import { Kinds } from '../../src/kube/index.ts'
import { Fleet } from '../support/fleet.ts'
import { type TestHost, TestHosts, testHostsAvailability } from '../support/hosts.ts'
import { type Blow, blowsOf, type Harm, pushesOf } from './blows.ts'
import { ChaosWorld } from './chaos-world.ts'
import { SeededRandom } from './random.ts'

const { available, reason } = testHostsAvailability()

const HOSTS = 3
/** `npm run chaos -- --rounds 20 --seed 42` sets both; with rounds that were asked for, hosts may be lost for a minute. */
const ROUNDS = Number(process.env.BOWLINE_CHAOS_ROUNDS ?? 2)
const MAY_BE_LOST = process.env.BOWLINE_CHAOS_ROUNDS !== undefined
const SEED = Number(process.env.BOWLINE_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Slow enough for a list to take its time. */
const SLOW_MEGABITS = 1

describe.skipIf(!available)(`hosts that fall apart, BOWLINE_CHAOS_SEED=${SEED} (${reason})`, () => {
  let hosts: TestHosts
  let fleet: Fleet
  let world: ChaosWorld

  beforeAll(async () => {
    hosts = await TestHosts.start({ hosts: HOSTS })
    fleet = await Fleet.create({ main: inject('bowlineMain'), hosts })
    world = new ChaosWorld(fleet, () => hosts.all.map(({ engine }) => engine))
    await world.begin()
    await fleet.start()
  }, 300_000)
  afterAll(async () => {
    await fleet?.destroy()
    await hosts?.destroy()
  })

  it.each(Array.from({ length: ROUNDS }, (_, index) => index + 1))(
    'after round %i everything converges, and nothing is lost, left over or doubled',
    async round => {
      const random = new SeededRandom(SEED + round * 7919)
      const story: string[] = []
      try {
        await act(random, story)
        await fleet.untilReady(...hosts.all)
        await world.converge()
        await connected()
      } catch (error) {
        throw new Error(
          `BOWLINE_CHAOS_SEED=${SEED} fails in round ${round}: ${story.join(', ')}\n${String(error)}\n${logs()}`,
          { cause: error },
        )
      }
    },
    400_000,
  )

  /** One round: commits and blows, and somebody who creates objects with kubectl all the while. All blows are undone in the end. */
  async function act(random: SeededRandom, story: string[]): Promise<void> {
    const begin = systemClock.now()
    async function at(ms: number, what: string, act: () => Promise<void>): Promise<void> {
      await systemClock.sleep(Math.max(0, begin + ms - systemClock.now()))
      story.push(`${what} at ${systemClock.now() - begin} ms`)
      await act()
    }
    const blows = blowsOf(random, { hosts: HOSTS, mayBeLost: MAY_BE_LOST })
    const pushes = pushesOf(random)
    await world.whileWriting(async () => {
      const pushed = (async () => {
        for (const ms of pushes) await at(ms, 'push', () => world.push(random))
      })()
      const struck = blows.map(async blow => {
        const { host, harm, atMs, forMs } = blow
        const name = host === 0 ? 'the server' : hosts.host(host).name
        await at(atMs, `${name}: ${harm}`, () => strike(blow))
        await at(atMs + forMs, `${name}: no longer ${harm}`, () => undo(blow))
      })
      const ends = await Promise.allSettled([pushed, ...struck])
      for (const end of ends) if (end.status === 'rejected') throw end.reason
    })
  }

  function hostOf({ host }: Blow): TestHost {
    return host === 0 ? hosts.server : hosts.host(host)
  }

  async function strike(blow: Blow): Promise<void> {
    const host = hostOf(blow)
    const strikes: Readonly<Record<Harm, () => Promise<unknown>>> = {
      'cut off': () => host.cutCable(),
      'slow link': () => host.slowLink(SLOW_MEGABITS),
      'no power': () => host.powerOff(),
      'agent killed': () => fleet.stopAgent(host, 'SIGKILL'),
      'engine killed': () => host.engine.kill(),
      'server killed': () => fleet.stopServer('SIGKILL'),
    }
    await strikes[blow.harm]()
  }

  async function undo(blow: Blow): Promise<void> {
    const host = hostOf(blow)
    const remedies: Readonly<Record<Harm, () => Promise<unknown>>> = {
      'cut off': () => host.mendCable(),
      'slow link': () => host.restoreLink(),
      'no power': async () => {
        await host.powerOn()
        await fleet.startAgent(host)
      },
      'agent killed': () => fleet.startAgent(host),
      'engine killed': () => host.engine.start(),
      'server killed': () => fleet.startServer(),
    }
    await remedies[blow.harm]()
  }

  /** Resolves when every host reaches every pod, and leads to its own pods only. */
  async function connected(): Promise<void> {
    const { items } = await fleet.client.list(Kinds.Pod)
    for (const host of hosts.all) {
      for (const { metadata, status } of items)
        await fleet.until(`${host.name} to reach ${metadata.name}`, async () => {
          const { code } = await host.run('busybox', ['ping', '-c', '1', '-W', '1', status?.podIP ?? ''])
          return code === 0
        })
      const own = items.flatMap(({ spec, status }) =>
        spec?.nodeName === host.name ? (status?.podIP ?? []) : [],
      )
      const wanted = [...own].sort().join(' ')
      await fleet.until(`${host.name} to lead to ${wanted} alone`, async () => {
        const routes = await host.runOk('ip', ['route', 'show', 'proto', '117'])
        const led = [...routes.matchAll(/^(\d+(?:\.\d+){3}) dev /gm)].map(([, address]) => address)
        return led.sort().join(' ') === wanted
      })
    }
  }

  function logs(): string {
    return [
      ['the server', fleet.server] as const,
      ...hosts.all.map(host => [host.name, fleet.agent(host)] as const),
    ]
      .map(([name, { stdout, stderr }]) => `--- ${name}\n${`${stdout}${stderr}`.slice(-2_500)}`)
      .join('\n')
  }
})
