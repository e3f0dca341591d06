import { describe, expect, it } from 'vitest'
import { Unnoted } from '../../../src/pipeline/lane/unnoted.ts'

describe('what is still to be noted', () => {
  it('is taken once, in the order in which it was added', () => {
    const unnoted = new Unnoted()
    unnoted.add(['a', 'b', 'c'])
    expect(unnoted.take(2)).toEqual(['a', 'b'])
    expect(unnoted.take(2)).toEqual(['c'])
    expect(unnoted.take(2)).toEqual([])
  })

  it('can be taken when it was heard of and then left alone', () => {
    const unnoted = new Unnoted()
    unnoted.add(['a', 'b', 'c', 'd'])
    unnoted.hear('a', 1)
    unnoted.hear('b', 2)
    unnoted.hear('c', 3)
    unnoted.hear('a', 4)
    expect(unnoted.takeHeard(10, 2)).toEqual(['b'])
    expect(unnoted.takeHeard(1, 4)).toEqual(['c'])
    expect(unnoted.take(10)).toEqual(['a', 'd'])
    expect(unnoted.takeHeard(10, 4)).toEqual([])
  })

  it('is nothing that was not added', () => {
    const unnoted = new Unnoted()
    unnoted.hear('a', 1)
    expect(unnoted.takeHeard(10, 1)).toEqual([])
    unnoted.add(['a'])
    expect(unnoted.takeHeard(10, 1)).toEqual([])
  })
})
