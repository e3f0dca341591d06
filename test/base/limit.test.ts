import { describe, expect, it } from 'vitest'
import { Limit } from '../../src/base/index.ts'
import { FakeClock } from './fake-clock.ts'

/** A task that ends when it is told to. */
function task() {
  let end = (): void => undefined
  const ended = new Promise<void>(resolve => {
    end = resolve
  })
  return { run: () => ended, end: () => end() }
}

/** Everything that can happen without anybody's doing has happened. */
const settled = () => new Promise(resolve => setImmediate(resolve))

describe('Limit', () => {
  it('runs as many tasks as fit, and the others in their order', async () => {
    const limit = new Limit(2)
    const tasks = [task(), task(), task(), task()]
    const begun: number[] = []
    const running = tasks.map(({ run }, index) =>
      limit.run(() => {
        begun.push(index)
        return run()
      }),
    )
    await settled()
    expect(begun).toEqual([0, 1])
    tasks[1]?.end()
    await settled()
    expect(begun).toEqual([0, 1, 2])
    for (const { end } of tasks) end()
    await Promise.all(running)
    expect(begun).toEqual([0, 1, 2, 3])
  })

  it('gives the room of a task that leaves before its end to the next, once', async () => {
    const limit = new Limit(1)
    const slow = task()
    let leaveIt = (): void => undefined
    const first = limit.run(leave => {
      leaveIt = leave
      return slow.run()
    })
    const tasks = [task(), task()]
    const begun: number[] = []
    const running = tasks.map(({ run }, index) =>
      limit.run(() => {
        begun.push(index)
        return run()
      }),
    )
    leaveIt()
    leaveIt()
    await settled()
    expect(begun).toEqual([0])
    slow.end()
    await first
    expect(begun).toEqual([0])
    for (const { end } of tasks) end()
    await Promise.all(running)
    expect(begun).toEqual([0, 1])
  })

  it('runBriefly() lets a task go on without its room after a while', async () => {
    const clock = new FakeClock()
    const limit = new Limit(1)
    const slow = task()
    const first = limit.runBriefly(slow.run, clock, 1_000)
    let hasRun = false
    const second = limit.run(async () => {
      hasRun = true
    })
    await clock.advance(999)
    expect(hasRun).toBe(false)
    await clock.advance(1)
    expect(hasRun).toBe(true)
    slow.end()
    await Promise.all([first, second])
    await limit.runBriefly(() => Promise.resolve(), clock, 1_000)
    expect(clock.pending).toBe(0)
  })

  it('makes room again after a task that failed', async () => {
    const limit = new Limit(1)
    await expect(limit.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no')
    expect(await limit.run(() => Promise.resolve('yes'))).toBe('yes')
  })

  it('is quiet at once when nothing runs', async () => {
    const limit = new Limit(1)
    await limit.run(() => Promise.resolve())
    await limit.quiet(10)
  })

  it.each([
    { most: 10, goFirst: 4 },
    { most: 2, goFirst: 2 },
  ])('lets what runs and waits go first, $most at most', async ({ most, goFirst }) => {
    const limit = new Limit(2)
    const tasks = [task(), task(), task(), task()]
    const running = tasks.map(({ run }) => limit.run(run))
    await settled()
    expect(limit.waiting).toBe(2)
    let isQuiet = false
    void limit.quiet(most).then(() => {
      isQuiet = true
    })
    for (const [index, { end }] of tasks.entries()) {
      await settled()
      expect(isQuiet).toBe(index >= goFirst)
      end()
    }
    await Promise.all(running)
    await settled()
    expect(isQuiet).toBe(true)
    expect(limit.waiting).toBe(0)
  })
})
