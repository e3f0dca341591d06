import fc from 'fast-check'
import { expect, it } from 'vitest'
import { withoutTrailing } from '../../src/base/index.ts'

it('withoutTrailing() takes away one character from the end, however often it is there, and nothing else', () => {
  const text = fc.string({ unit: fc.constantFrom('/', 'a', '\n') })
  fc.assert(
    fc.property(text, given => {
      expect(withoutTrailing(given, '/')).toBe(given.replace(/\/+$/, ''))
    }),
  )
})

it('withoutTrailing() needs one pass of a long text', () => {
  expect(withoutTrailing(`${'/'.repeat(1 << 20)}a`, '/')).toHaveLength((1 << 20) + 1)
  expect(withoutTrailing('/'.repeat(1 << 20), '/')).toBe('')
})
