import { afterEach, describe, expect, it } from 'vitest'
import { awaitRuntime } from '../../../src/agents/runtime/awaited-runtime.ts'
import { createHollowRuntime } from '../../../src/agents/runtime/hollow/hollow-runtime.ts'
import type { OpenRuntime } from '../../../src/agents/runtime/runtime.ts'
import { hasCode, silentLogger, systemClock } from '../../../src/base/index.ts'
import { eventually } from '../../base/eventually.ts'
import { FakeClock } from '../../base/fake-clock.ts'

let stop = new AbortController()
afterEach(() => {
  stop.abort()
  stop = new AbortController()
})

describe('awaitRuntime()', () => {
  it('hands over a runtime that is there at once', async () => {
    const hollow = createHollowRuntime({ clock: systemClock, log: silentLogger })
    expect(await open(new FakeClock(), async () => hollow)).toBe(hollow)
  })

  it('is unavailable until the runtime can be opened, and the runtime afterwards', async () => {
    const clock = new FakeClock()
    let engine: OpenRuntime | undefined
    const runtime = await open(clock, async () => engine)

    await expect(runtime.listContainers()).rejects.toSatisfy(error => hasCode(error, 'unavailable'))
    await expect(runtime.events(stop.signal)[Symbol.asyncIterator]().next()).rejects.toThrow('start Docker')

    engine = createHollowRuntime({ clock: systemClock, log: silentLogger })
    await clock.advance(1_000)
    await eventually(
      'the runtime answers',
      async () => (await runtime.listContainers().catch(() => undefined)) !== undefined,
    )
    await runtime.close()
  })

  it('takes an error of the opening for absence', async () => {
    const runtime = await open(new FakeClock(), async () => {
      throw new Error('refused')
    })
    await expect(runtime.info()).rejects.toThrow('Cannot reach the docker runtime')
    await runtime.close()
  })
})

function open(clock: FakeClock, opener: () => Promise<OpenRuntime | undefined>): Promise<OpenRuntime> {
  return awaitRuntime({
    name: 'docker',
    open: opener,
    hint: 'start Docker',
    clock,
    log: silentLogger,
    signal: stop.signal,
  })
}
