import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SortedList } from '../../src/base/index.ts'

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function listOf(keys: Iterable<string>): SortedList<string> {
  const list = new SortedList<string>(key => key, compare)
  for (const key of keys) list.add(key)
  return list
}

describe('SortedList', () => {
  it('shows the same as a sorted array, whatever was added and removed, over many blocks', () => {
    const key = fc.integer({ min: 0, max: 9_999 }).map(String)
    const keys = fc.uniqueArray(key, { minLength: 1_500, maxLength: 2_500 })
    fc.assert(
      fc.property(keys, key, key, (all, one, other) => {
        const list = listOf(all)
        const gone = new Set(all.filter((_, index) => index % 3 === 0))
        for (const each of gone) list.remove(each)
        const expected = all.filter(each => !gone.has(each)).sort()
        const [start, end] = [one, other].sort() as [string, string]
        expect([...list.from(start)]).toEqual(expected.filter(each => each >= start))
        expect(list.between(start, end)).toEqual(expected.filter(each => each >= start && each < end))
      }),
      { numRuns: 10 },
    )
  })

  it('is empty again once everything was removed', () => {
    const keys = Array.from({ length: 2_000 }, (_, index) => String(index))
    const list = listOf(keys)
    for (const key of keys) list.remove(key)
    expect([...list.from('')]).toEqual([])
    expect(list.between('', '~')).toEqual([])
    list.add('again')
    expect([...list.from('')]).toEqual(['again'])
  })
})
