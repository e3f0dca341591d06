import { describe, expect, it } from 'vitest'
import { Unnoted } from '../../../src/pipeline/lane/unnoted.ts'

describe('what is still to be noted', () => {
  it('is taken once, in the order in which it was added', () => {
    const unnoted = new Unnoted()
    unnoted.add(['a', 'b', 'c'])
    expect(unnoted.takeUnheard(2)).toEqual(['a', 'b'])
    expect(unnoted.takeUnheard(2)).toEqual(['c'])
    expect(unnoted.takeUnheard(2)).toEqual([])
    expect(unnoted.hasHeard).toBe(false)
  })

  it('waits until its live object has been left alone for a time', () => {
    const unnoted = new Unnoted()
    unnoted.add(['a', 'b', 'c', 'd'])
    unnoted.hear('a', 1)
    unnoted.hear('b', 2)
    unnoted.hear('c', 3)
    unnoted.hear('a', 4)
    unnoted.add(['a'])
    expect(unnoted.takeHeard(10, 2)).toEqual(['b'])
    expect(unnoted.takeHeard(1, 4)).toEqual(['c'])
    expect(unnoted.takeUnheard(10)).toEqual(['d'])
    expect(unnoted.hasHeard).toBe(true)
    expect(unnoted.takeHeard(10, 4)).toEqual(['a'])
    expect(unnoted.hasHeard).toBe(false)
  })

  it('is what was noted before and has changed since', () => {
    const unnoted = new Unnoted()
    unnoted.add(['a'])
    unnoted.takeUnheard(1)
    unnoted.hear('a', 1)
    expect(unnoted.takeUnheard(1)).toEqual([])
    expect(unnoted.takeHeard(1, 1)).toEqual(['a'])
  })
})
