import { describe, expect, it } from 'vitest'
import { formatAge, formatSince } from '../../src/kube/duration.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

describe('formatAge()', () => {
  it.each([
    [-5 * SECOND, '<invalid>'],
    [-1 * SECOND, '0s'],
    [0, '0s'],
    [999, '0s'],
    [119 * SECOND, '119s'],
    [2 * MINUTE, '2m'],
    [2 * MINUTE + 5 * SECOND, '2m5s'],
    [10 * MINUTE + 59 * SECOND, '10m'],
    [179 * MINUTE, '179m'],
    [3 * HOUR, '3h'],
    [3 * HOUR + 7 * MINUTE, '3h7m'],
    [8 * HOUR + 30 * MINUTE, '8h'],
    [47 * HOUR, '47h'],
    [2 * DAY, '2d'],
    [2 * DAY + 3 * HOUR, '2d3h'],
    [8 * DAY + 3 * HOUR, '8d'],
    [729 * DAY, '729d'],
    [730 * DAY, '2y'],
    [745 * DAY, '2y15d'],
    [10 * 365 * DAY, '10y'],
  ])('shows %d ms as kubectl does: %s', (ms, text) => {
    expect(formatAge(ms)).toBe(text)
  })
})

describe('formatSince()', () => {
  const now = Date.parse('2025-01-01T00:10:00Z')

  it.each([
    ['2025-01-01T00:08:30Z', '90s'],
    ['2025-01-01T00:10:00.500000Z', '0s'],
    [undefined, '<unknown>'],
    ['yesterday', '<unknown>'],
  ])('shows %s as %s', (timestamp, text) => {
    expect(formatSince(timestamp, now)).toBe(text)
  })
})
