import { describe, expect, it } from 'vitest'
import { BowlineError, silentLogger, WorkQueue } from '../../../src/base/index.ts'
import { runController } from '../../../src/cluster/controllers/controller.ts'
import { StatusError } from '../../../src/kube/index.ts'
import { eventually } from '../../base/eventually.ts'
import { FakeClock } from '../../base/fake-clock.ts'

describe('runController()', () => {
  /** Works one key, whose first look ends in `error`, until it is looked at `times` times; answers how often it was. */
  async function looks(error: unknown, times: number): Promise<number> {
    const clock = new FakeClock()
    const queue = new WorkQueue(clock)
    const stop = new AbortController()
    let count = 0
    const running = runController(
      {
        name: 'test-controller',
        queue,
        async reconcile() {
          count += 1
          if (count === 1) throw error
        },
        log: silentLogger,
      },
      stop.signal,
    )
    queue.add('default/web')
    await eventually('the key was looked at', async () => {
      await clock.advance(60_000)
      return count >= times
    })
    stop.abort()
    await running
    return count
  }

  it('looks again at a key whose look failed, also when a call was broken off though nobody stopped it', async () => {
    expect(await looks(new StatusError('Conflict', 'changed meanwhile'), 2)).toBe(2)
    expect(await looks(new DOMException('This operation was aborted', 'AbortError'), 2)).toBe(2)
  })

  it('leaves a key alone when only a change can help', async () => {
    expect(await looks(new BowlineError('bad-config', 'Cannot use it: it is wrong'), 1)).toBe(1)
  })
})
