import { describe, expect, it } from 'vitest'
import { checkStructural } from '../../src/kinds/custom/check-structural.ts'
import { compilePattern, patternCost } from '../../src/kinds/pattern.ts'
import { Problems } from '../../src/kinds/validation/problems.ts'

describe('patternCost()', () => {
  it.each([
    ['abc', 3],
    ['a{3}', 3],
    ['a{2,5}b', 6],
    ['(ab){10}', 30],
    ['((a{10}){10}){10}', 1_110],
    ['\\{a\\}', 3],
    ['a{,3}', 5],
    ['[^]a-z\\]]{2}', 18],
    ['[[a]{2}[', 9],
  ])('of %s is %d', (source, cost) => {
    expect(patternCost(source)).toBe(cost)
  })

  it('is found in one pass, whatever the expression', () => {
    for (const part of ['[', '[^', '[\\]', '(', '{1', '\\'])
      expect(patternCost(part.repeat(1_000_000))).toBeGreaterThanOrEqual(0)
  })
})

describe('compilePattern()', () => {
  it('finds a part of a text, and says why something is no expression', () => {
    const pattern = compilePattern('b+$')
    expect('find' in pattern && [pattern.find('abb'), pattern.find('ba')]).toEqual([true, false])
    expect(compilePattern('(')).toEqual({ problem: expect.stringContaining('missing closing )') })
  })
})

describe('checkStructural()', () => {
  it('compiles no more regular expressions than it can soon', () => {
    const properties = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, index) => [
        `p${index}`,
        { type: 'string', pattern: `^((a{1,30}){1,30}b${index})$` },
      ]),
    )
    const problems = new Problems()
    checkStructural({ type: 'object', properties }, 'schema', problems)
    expect(problems.list.map(({ message }) => message)).toEqual([
      expect.stringContaining('its regular expressions are too large'),
    ])
  })
})
