import { describe, expect, it } from 'vitest'
import { overlaps, parseSubnet } from '../../../../src/base/index.ts'
import { RangePool } from '../../../../src/cluster/controllers/node-ipam/range-pool.ts'

function pool(within: string, prefix: number, except: readonly string[] = []): RangePool {
  const range = (text: string) => parseSubnet(text) ?? { base: 0, prefix: 32 }
  return new RangePool({ within: range(within), prefix, except: except.map(range) })
}

describe('RangePool', () => {
  it('gives one part after the other, and none when all are taken', () => {
    const ranges = pool('10.42.0.0/22', 24)
    expect(['a', 'b', 'c', 'd', 'e'].map(owner => ranges.take(owner))).toEqual([
      '10.42.0.0/24',
      '10.42.1.0/24',
      '10.42.2.0/24',
      '10.42.3.0/24',
      undefined,
    ])
  })

  it('gives what was freed again, but last', () => {
    const ranges = pool('10.42.0.0/22', 24)
    ranges.take('a')
    ranges.take('b')
    ranges.release('a')
    expect(['c', 'd', 'e', 'f'].map(owner => ranges.take(owner))).toEqual([
      '10.42.2.0/24',
      '10.42.3.0/24',
      '10.42.0.0/24',
      undefined,
    ])
  })

  it('passes over what is occupied, in whatever size, and what is excepted', () => {
    const ranges = pool('10.42.0.0/21', 24, ['10.42.6.0/23'])
    ranges.occupy('wide', ['10.42.0.0/23'])
    ranges.occupy('narrow', ['10.42.3.128/25'])
    ranges.occupy('elsewhere', ['192.168.0.0/16', 'fd00::/64', 'nonsense'])
    expect(['a', 'b', 'c', 'd'].map(owner => ranges.take(owner))).toEqual([
      '10.42.2.0/24',
      '10.42.4.0/24',
      '10.42.5.0/24',
      undefined,
    ])
  })

  it('frees a part that two hold only when both have let go', () => {
    const ranges = pool('10.42.0.0/24', 24)
    ranges.occupy('a', ['10.42.0.0/24'])
    ranges.occupy('b', ['10.42.0.0/24'])
    ranges.release('a')
    expect(ranges.take('c')).toBeUndefined()
    ranges.release('b')
    expect(ranges.take('c')).toBe('10.42.0.0/24')
  })

  it('never gives two owners addresses in common, whatever comes and goes', () => {
    const ranges = pool('10.42.0.0/20', 24, ['10.42.8.0/22'])
    const held = new Map<string, string>()
    let seed = 7
    const next = (below: number) => {
      seed = (seed * 48271) % 2147483647
      return seed % below
    }
    for (let step = 0; step < 800; step++) {
      const owner = `node-${next(16)}`
      if (held.has(owner)) {
        ranges.release(owner)
        held.delete(owner)
        continue
      }
      const range = ranges.take(owner)
      expect(range === undefined).toBe(held.size === 12)
      if (range === undefined) continue
      const parsed = parseSubnet(range) ?? { base: 0, prefix: 0 }
      for (const other of held.values())
        expect(overlaps(parsed, parseSubnet(other) ?? { base: 0, prefix: 0 })).toBe(false)
      held.set(owner, range)
    }
  })
})
