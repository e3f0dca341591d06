import { describe, expect, it } from 'vitest'
import { breathe, type Urgency } from '../../src/base/index.ts'

/** Longer than a turn. */
const LONG_MS = 12

/** Holds the event loop. */
function compute(ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

describe('breathe()', () => {
  it('costs nothing while the event loop has not been held for long', async () => {
    await new Promise(resolve => setImmediate(resolve))
    expect(breathe()).toBeUndefined()
  })

  it('lets what is due run before a long computation goes on', async () => {
    const order: string[] = []
    setTimeout(() => order.push('timer'), 1)
    void breathe()
    compute(LONG_MS)
    await breathe()
    await breathe()
    order.push('computation')
    // A timer may come only in the turn after the one that it was due in.
    while (order.length < 2) await new Promise(resolve => setImmediate(resolve))
    expect(order).toEqual(['timer', 'computation'])
  })

  it('goes on with those wanted soon first, one in each turn, and then with the others, in the order in which they stopped', async () => {
    const order: string[] = []
    const run = async (name: string, urgency: Urgency): Promise<void> => {
      await breathe(urgency)
      order.push(name)
      compute(LONG_MS)
      await breathe(urgency)
      order.push(`${name} again`)
    }
    void breathe()
    compute(LONG_MS)
    await Promise.all([run('a', 'later'), run('b', 'soon'), run('c', 'later'), run('d', 'soon')])
    expect(order).toEqual(['b', 'd', 'b again', 'd again', 'a', 'c', 'a again', 'c again'])
  })

  it('counts how long the loop was held by all together', async () => {
    await new Promise(resolve => setImmediate(resolve))
    void breathe('later')
    compute(LONG_MS)
    expect(breathe('soon')).toBeInstanceOf(Promise)
  })
})
