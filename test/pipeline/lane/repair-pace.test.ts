import { describe, expect, it } from 'vitest'
import { RepairPace } from '../../../src/pipeline/lane/repair-pace.ts'

describe('RepairPace', () => {
  it('next() lets the first repairs go at once and makes each of a series wait longer, up to a minute', () => {
    const pace = new RepairPace()
    let now = 1_000
    const waits: number[] = []
    for (let repair = 0; repair < 16; repair += 1) {
      const wait = pace.next(now)
      waits.push(wait)
      now += wait + 20
    }
    expect(waits.slice(0, 5)).toEqual([0, 0, 0, 0, 0])
    expect(waits.slice(5, 9)).toEqual([250, 500, 1_000, 2_000])
    expect(waits.at(-1)).toBe(60_000)
  })

  it('next() counts from the beginning after a quiet time', () => {
    const pace = new RepairPace()
    for (let repair = 0; repair < 8; repair += 1) pace.next(0)
    expect(pace.next(5_000)).toBeGreaterThan(0)
    expect(pace.next(5_000 + 10_000 + 4_000)).toBe(0)
  })
})
