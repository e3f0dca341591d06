import { beforeEach, describe, expect, it } from 'vitest'
import { type HealthNow, type HealthResult, waitForHealth } from '../../src/apply/index.ts'
import { FakeClock } from '../base/fake-clock.ts'

describe('waitForHealth()', () => {
  let clock: FakeClock
  let now: HealthNow
  let listeners: Set<() => void>
  let stop: AbortController

  beforeEach(() => {
    clock = new FakeClock()
    now = { state: 'progressing', message: '1 of 3 replicas are available' }
    listeners = new Set()
    stop = new AbortController()
  })

  function wait(look: () => HealthNow = () => now): Promise<HealthResult> {
    return waitForHealth({
      look,
      onChange(listener) {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
      clock,
      deadlineMs: 1_000,
      signal: stop.signal,
    })
  }

  async function becomes(next: HealthNow): Promise<void> {
    now = next
    for (const listener of listeners) listener()
    await clock.advance(0)
  }

  it('looks once after many changes at a time', async () => {
    let looks = 0
    const waiting = wait(() => {
      looks += 1
      return now
    })
    for (let change = 0; change < 20; change += 1)
      await becomes({ state: 'progressing', message: `${change} of 20` })
    expect(looks).toBe(1)
    await clock.advance(100)
    expect(looks).toBe(2)
    await becomes({ state: 'healthy', message: '20 of 20' })
    expect((await waiting).message).toBe('20 of 20')
    expect(looks).toBe(3)
  })

  it('ends when everything is healthy, and leaves neither listener nor timer', async () => {
    const waiting = wait()
    await becomes({ state: 'progressing', message: '2 of 3' })
    await becomes({ state: 'healthy', message: '1 object is healthy' })
    await clock.advance(100)
    expect(await waiting).toEqual({ state: 'healthy', message: '1 object is healthy' })
    expect(listeners.size).toBe(0)
    expect(clock.pending).toBe(0)
  })

  it('ends at once when it is healthy or has failed already', async () => {
    now = { state: 'failed', message: 'exit 1' }
    expect(await wait()).toEqual({ state: 'failed', message: 'exit 1' })
    now = { state: 'healthy', message: 'fine' }
    expect((await wait()).state).toBe('healthy')
  })

  it('ends at the deadline and says what was missing', async () => {
    const waiting = wait()
    await clock.advance(1_000)
    expect(await waiting).toEqual({
      state: 'deadline',
      message: 'not healthy in time: 1 of 3 replicas are available',
    })
  })

  it('ends when the signal aborts', async () => {
    const waiting = wait()
    await clock.advance(10)
    stop.abort(new Error('a newer commit'))
    expect((await waiting).state).toBe('aborted')
    expect(clock.pending).toBe(0)
  })
})
