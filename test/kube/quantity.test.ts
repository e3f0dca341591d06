import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  quantityProblem,
  quantityToMilli,
  quantityToNumber,
} from '../../src/kube/quantity.ts'

describe('canonicalQuantity()', () => {
  it.each([
    ['0', '0'],
    ['-0', '0'],
    ['0Ki', '0'],
    ['1', '1'],
    ['+1', '1'],
    ['-1', '-1'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1.5', '1500m'],
    ['.5', '500m'],
    ['5.', '5'],
    ['0.10', '100m'],
    ['100k', '100k'],
    ['1000k', '1M'],
    ['1e3', '1e3'],
    ['1E3', '1e3'],
    ['1e-3', '1e-3'],
    ['12e1', '120'],
    ['100e-1', '10'],
    ['1E', '1E'],
    ['1000E', '1000E'],
    ['1Ki', '1Ki'],
    ['1024Mi', '1Gi'],
    ['0.5Gi', '512Mi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['0.1Ki', '102400m'],
    ['1000Ki', '1000Ki'],
    ['16Ei', '9223372036854775807'],
    ['5n', '5n'],
    ['5u', '5u'],
    ['0.1n', '1n'],
    ['-0.1n', '-1n'],
    ['123456789.123456789', '123456789123456789n'],
  ])('writes %s as %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical)
  })

  it('takes a number of a manifest as its text', () => {
    expect(canonicalQuantity(0.25)).toBe('250m')
    expect(canonicalQuantity(1e21)).toBe('1e21')
  })
})

describe('quantityProblem()', () => {
  it.each(['', ' ', '1 ', 'abc', '1.2.3', '.', '+', '--1', '1Q', '1ki', '1MiB', '1e', '1ee3', '1e9999', '١'])(
    'refuses %j',
    text => {
      expect(quantityProblem(text)).toEqual(expect.any(String))
      expect(() => parseQuantity(text)).toThrow('Cannot read quantity')
    },
  )

  it('speaks upstream’s words', () => {
    expect(quantityProblem('x')).toBe(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    )
    expect(quantityProblem('1.2.3')).toBe('unable to parse numeric part of quantity')
    expect(quantityProblem('1ki')).toBe("unable to parse quantity's suffix")
    expect(quantityProblem('1Gi')).toBeUndefined()
  })

  it('answers at once for a text that asks for an immense number', () => {
    expect(quantityProblem('9'.repeat(1_000_000))).toBeDefined()
    expect(quantityProblem('1e999999999')).toBeDefined()
  })
})

describe('Quantity', () => {
  it('compareQuantities() looks at the amount alone', () => {
    expect(compareQuantities(parseQuantity('1000m'), parseQuantity('1'))).toBe(0)
    expect(compareQuantities(parseQuantity('1Gi'), parseQuantity('1G'))).toBeGreaterThan(0)
    expect(compareQuantities(parseQuantity('999n'), parseQuantity('1u'))).toBeLessThan(0)
  })

  it('addQuantities() is exact where floating point is not', () => {
    const sum = addQuantities(parseQuantity('100m'), parseQuantity('200m'))
    expect(formatQuantity(sum)).toBe('300m')
    expect(formatQuantity(addQuantities(parseQuantity('0'), parseQuantity('1Gi')))).toBe('1Gi')
  })

  it('quantityToNumber() and quantityToMilli() give units and thousandths', () => {
    expect(quantityToNumber(parseQuantity('1500m'))).toBe(1.5)
    expect(quantityToNumber(parseQuantity('2Gi'))).toBe(2 ** 31)
    expect(quantityToMilli(parseQuantity('0.25'))).toBe(250)
    expect(quantityToMilli(parseQuantity('1u'))).toBe(1)
  })

  it('formatQuantity() keeps every amount exactly and is stable', () => {
    const formats = fc.constantFrom('DecimalSI' as const, 'BinarySI' as const, 'DecimalExponent' as const)
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 27n), max: 10n ** 27n }), formats, (nano, format) => {
        const text = formatQuantity({ nano, format })
        const again = parseQuantity(text)
        expect(again.nano).toBe(nano)
        expect(formatQuantity(again)).toBe(text)
      }),
    )
  })
})
