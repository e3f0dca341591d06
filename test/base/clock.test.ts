import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../src/base/index.ts'

const LONGEST_TIMER_MS = 2 ** 31 - 1
const YEAR_MS = 365 * 24 * 60 * 60 * 1000

describe('systemClock', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })

  afterEach(() => {
    vi.useRealTimers()
  })

  it('after() waits as long as it is told, also longer than one timer of the machine can', () => {
    const called = vi.fn()
    systemClock.after(YEAR_MS, called)
    vi.advanceTimersByTime(LONGEST_TIMER_MS)
    expect(called).not.toHaveBeenCalled()
    vi.advanceTimersByTime(YEAR_MS - LONGEST_TIMER_MS - 1)
    expect(called).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1)
    expect(called).toHaveBeenCalledTimes(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('after() can be called off in the midst of a long wait', () => {
    const called = vi.fn()
    const cancel = systemClock.after(YEAR_MS, called)
    vi.advanceTimersByTime(LONGEST_TIMER_MS + 1)
    cancel()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('sleep() waits as long as it is told and rejects at once when its signal aborts', async () => {
    const stop = new AbortController()
    const slept = systemClock.sleep(YEAR_MS, stop.signal)
    vi.advanceTimersByTime(LONGEST_TIMER_MS)
    stop.abort(new Error('enough'))
    await expect(slept).rejects.toThrow('enough')
    expect(vi.getTimerCount()).toBe(0)
    const short = systemClock.sleep(20)
    vi.advanceTimersByTime(20)
    await expect(short).resolves.toBeUndefined()
  })
})
