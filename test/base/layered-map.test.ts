import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LayeredMap } from '../../src/base/index.ts'

const MAX_KEY = 200
const KEYS = Array.from({ length: MAX_KEY + 1 }, (_, key) => key)

const key = fc.integer({ min: 0, max: MAX_KEY })
const step = fc.record({
  entries: fc.array(fc.tuple(key, fc.integer()), { maxLength: 40 }),
  gone: fc.array(key),
})

describe('LayeredMap', () => {
  it('is at every version what a map would be, and leaves earlier versions as they were', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.integer())), fc.array(step, { maxLength: 8 }), (first, steps) => {
        let layered = LayeredMap.of(first)
        let plain = new Map(first)
        const versions = [{ layered, plain }]
        for (const { entries, gone } of steps) {
          layered = layered.with(entries, gone)
          plain = new Map(plain)
          for (const key of gone) plain.delete(key)
          for (const [key, value] of entries) plain.set(key, value)
          versions.push({ layered, plain })
        }
        for (const { layered, plain } of versions) {
          expect(new Map(layered)).toEqual(plain)
          expect(layered.size).toBe(plain.size)
          expect(KEYS.map(key => layered.get(key))).toEqual(KEYS.map(key => plain.get(key)))
          expect(KEYS.map(key => layered.has(key))).toEqual(KEYS.map(key => plain.has(key)))
        }
        for (const before of versions) {
          const changed = layered.changedFrom(before.layered)
          const missed = KEYS.filter(key => before.plain.get(key) !== plain.get(key) && !changed?.has(key))
          if (changed !== undefined) expect(missed).toEqual([])
        }
      }),
    )
  })

  it('compares versions of one map by what was changed', () => {
    const large = LayeredMap.of(
      Array.from({ length: 10_000 }, (_, index) => [index, 'old'] as [number, string]),
    )
    const one = large.with([[7, 'new']], [8])
    const two = one.with([[9, 'new']])
    expect([...(two.changedFrom(one) ?? [])].sort()).toEqual([7, 8, 9])
    expect([...(two.changedFrom(large) ?? [])].sort()).toEqual([7, 8, 9])
    expect(LayeredMap.of(two).changedFrom(two)).toBeUndefined()
  })
})
