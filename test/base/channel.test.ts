import { describe, expect, it } from 'vitest'
import { Channel } from '../../src/base/channel.ts'

describe('Channel', () => {
  const tooSlow = (): Error => new Error('too slow')

  it('fails at the item beyond its capacity and drops what was queued', async () => {
    const channel = new Channel<number>(2, tooSlow)
    expect([channel.push(1), channel.push(2), channel.push(3)]).toEqual([true, true, false])
    await expect(read(channel)).rejects.toThrow('too slow')
  })

  it('fails when what is queued weighs too much, but takes any single item', async () => {
    const weight = { of: (item: number) => item, limit: 10 }
    const one = new Channel<number>(100, tooSlow, weight)
    expect(one.push(1_000)).toBe(true)
    one.end()
    expect(await read(one)).toEqual([1_000])
    const many = new Channel<number>(100, tooSlow, weight)
    expect([many.push(5), many.push(5), many.push(1)]).toEqual([true, true, false])
    await expect(read(many)).rejects.toThrow('too slow')
  })

  it('weighs only what waits, not what was taken', async () => {
    const channel = new Channel<number>(100, tooSlow, { of: item => item, limit: 10 })
    const items = channel[Symbol.asyncIterator]()
    for (let round = 0; round < 5; round += 1) {
      expect(channel.push(10)).toBe(true)
      expect((await items.next()).value).toBe(10)
    }
    await items.return?.()
  })

  it('hands an item to a consumer that waits, in order, and then the end or the error once', async () => {
    const channel = new Channel<number>(2, tooSlow)
    const first = channel.next()
    expect([channel.push(1), channel.push(2)]).toEqual([true, true])
    expect(await first).toEqual({ done: false, value: 1 })
    expect(await channel.next()).toEqual({ done: false, value: 2 })
    const failed = channel.next()
    channel.fail(new Error('broken'))
    await expect(failed).rejects.toThrow('broken')
    expect(await channel.next()).toEqual({ done: true, value: undefined })
    expect(channel.push(3)).toBe(false)
  })

  it('drops what is queued when it is stopped, or when its consumer wants no more', async () => {
    const stopped = new Channel<number>(10, tooSlow)
    stopped.push(1)
    stopped.stop()
    expect(await read(stopped)).toEqual([])
    const left = new Channel<number>(10, tooSlow)
    left.push(1)
    left.push(2)
    for await (const item of left) {
      expect(item).toBe(1)
      break
    }
    expect(left.push(3)).toBe(false)
    expect(await read(left)).toEqual([])
  })

  async function read<T>(channel: Channel<T>): Promise<T[]> {
    const items: T[] = []
    for await (const item of channel) items.push(item)
    return items
  }
})
