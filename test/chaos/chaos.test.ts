import { afterAll, beforeAll, describe, inject, it } from 'vitest'
import { systemClock } from '../../src/base/index.ts'
import { Site } from '../e2e/support/site.ts'
import { startTestEngine, type TestEngine, testEngineAvailability } from '../support/dockerd.ts'
import { ChaosWorld } from './chaos-world.ts'
import { SeededRandom } from './random.ts'
import { type Action, timelineOf } from './timeline.ts'

const { available, reason } = testEngineAvailability()

/** `npm run chaos -- --rounds 20 --seed 42` sets both. */
const ROUNDS = Number(process.env.BOWLINE_CHAOS_ROUNDS ?? 3)
const SEED = Number(process.env.BOWLINE_CHAOS_SEED ?? Math.floor(Math.random() * 2 ** 31))

describe.skipIf(!available)(`kill -9 at random instants, BOWLINE_CHAOS_SEED=${SEED} (${reason})`, () => {
  let engine: TestEngine
  let site: Site
  let world: ChaosWorld

  beforeAll(async () => {
    engine = await startTestEngine()
    site = await Site.create({ main: inject('bowlineMain'), engine, nodes: 2 })
    world = new ChaosWorld(site, () => [engine])
    await world.begin()
    await site.start()
  })
  afterAll(async () => {
    await site?.destroy()
    await engine?.destroy()
  })

  it.each(Array.from({ length: ROUNDS }, (_, index) => index + 1))(
    'after round %i everything converges, and nothing is lost, left over or doubled',
    async round => {
      const random = new SeededRandom(SEED + round * 7919)
      const story: string[] = []
      try {
        await act(random, story)
        await world.converge()
      } catch (error) {
        const log = `${site.server.stdout}${site.server.stderr}`.slice(-4_000)
        throw new Error(
          `BOWLINE_CHAOS_SEED=${SEED} fails in round ${round}: ${story.join(', ')}\n${String(error)}\n${log}`,
          { cause: error },
        )
      }
    },
    180_000,
  )

  /** One round: commits, kills, and somebody who creates objects with kubectl all the while. */
  async function act(random: SeededRandom, story: string[]): Promise<void> {
    await world.whileWriting(async () => {
      const begin = systemClock.now()
      for (const { atMs, action } of timelineOf(random)) {
        await systemClock.sleep(Math.max(0, begin + atMs - systemClock.now()))
        story.push(`${action} at ${systemClock.now() - begin} ms`)
        await carryOut(action, random)
      }
    })
  }

  async function carryOut(action: Action, random: SeededRandom): Promise<void> {
    if (action === 'push') return world.push(random)
    if (action === 'kill server') {
      await site.kill()
      site.launch()
      return
    }
    if (action === 'kill engine') {
      await engine.kill()
      return engine.start()
    }
    const agents = [...(await site.agents()).values()]
    const victims = action === 'kill agents' ? agents : agents.slice(0, 1)
    for (const pid of victims) kill(pid)
  }
})

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself, with its parent.
  }
}
