import { encode } from 'dns-packet'
import { describe, expect, it } from 'vitest'
import { AnswerCache } from '../../../../src/agents/network/dns/answer-cache.ts'
import { FakeClock } from '../../../base/fake-clock.ts'
import { address, noName } from './upstream.ts'

function message(packet: object): Buffer {
  return encode({ type: 'response', questions: [{ name: 'a.example', type: 'A' }], ...packet })
}

describe('AnswerCache', () => {
  it('is bounded in number, and lets go first of what nobody asked for', () => {
    const cache = new AnswerCache(new FakeClock())
    const small = message(address('a.example', '192.0.2.1'))
    for (let at = 0; at < 10_000; at += 1) cache.put(`${at}`, small, 0)
    cache.get('0')
    cache.put('new', message(address('a.example', '192.0.2.1')), 0)
    expect(cache.size).toBe(10_000)
    expect(cache.get('0')).toBeDefined()
    expect(cache.get('1')).toBeUndefined()
  })

  it('is bounded in bytes', () => {
    const cache = new AnswerCache(new FakeClock())
    const answers = Array.from({ length: 1000 }, () => ({
      name: 'a.example',
      type: 'A',
      ttl: 60,
      data: '192.0.2.1',
    }))
    const large = message({ answers })
    for (let at = 0; at < 1000; at += 1) cache.put(`${at}`, large, 0)
    expect(cache.size).toBeLessThan(400)
    expect(cache.get('999')).toBeDefined()
  })

  it.each([
    ['a failure', { flags: 2 }, 2],
    ['an answer that is good for this once', address('a.example', '192.0.2.1', 0), 0],
    ['the absence of a name without a word on how long', { flags: 3 }, 3],
  ])('does not keep %s', (_, packet, rcode) => {
    const cache = new AnswerCache(new FakeClock())
    cache.put('a', message(packet), rcode)
    expect(cache.get('a')).toBeUndefined()
  })

  it.each([
    ['an answer for an hour', address('a.example', '192.0.2.1', 999_999), 0, 3_600_000],
    ['the absence of a name for five minutes', noName(999_999), 3, 300_000],
  ])('keeps %s at most, and a day more for when nobody knows better', async (_, packet, rcode, ms) => {
    const clock = new FakeClock()
    const cache = new AnswerCache(clock)
    cache.put('a', message(packet), rcode)
    await clock.advance(ms - 1)
    expect(cache.get('a')?.isStale).toBe(false)
    await clock.advance(1)
    expect(cache.get('a')?.isStale).toBe(true)
    await clock.advance(24 * 3_600_000)
    expect(cache.get('a')).toBeUndefined()
  })
})
