import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  canonicalJson,
  canonicalPieces,
  deepEqual,
  deepFreeze,
  shareParts,
  withMembers,
} from '../../src/base/index.ts'

/** Values of few kinds, so that two of them often have parts in common. */
const json = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, 0, 1, 'a', ''),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), tie('value'), {
      maxKeys: 3,
      noNullPrototype: true,
    }),
  ),
})).value

describe('shareParts()', () => {
  it('says what the value says, and changes neither', () => {
    fc.assert(
      fc.property(json, json, (before, value) => {
        const shared = shareParts(deepFreeze(before), deepFreeze(value))
        expect(deepEqual(shared, value)).toBe(true)
        if (deepEqual(before, value)) expect(shared).toBe(before)
      }),
    )
  })

  it('has every part that is the same from before', () => {
    const before = { spec: { containers: [{ name: 'a' }, { name: 'b' }] }, status: { phase: 'Pending' } }
    const value = { status: { phase: 'Running' }, spec: { containers: [{ name: 'a' }, { name: 'c' }] } }
    const shared = shareParts(before, value) as typeof before
    expect(JSON.stringify(shared)).toBe(JSON.stringify(value))
    expect(shared.spec.containers[0]).toBe(before.spec.containers[0])
    expect(shared.spec.containers[1]).toBe(value.spec.containers[1])
    expect(shared.status).toBe(value.status)
  })
})

describe('withMembers()', () => {
  it('makes what a literal with spreads makes, in the same order', () => {
    const members = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), json, {
      noNullPrototype: true,
    })
    fc.assert(
      fc.property(members, members, (object, more) => {
        const made = withMembers(deepFreeze(object), deepFreeze(more))
        expect(JSON.stringify(made)).toBe(JSON.stringify({ ...object, ...more }))
        expect(Object.getPrototypeOf(made)).toBe(Object.prototype)
      }),
    )
  })
})

describe('canonicalJson()', () => {
  it('has one text for equal values, with keys in order and without what is undefined', () => {
    const text = '{"a":[1,null,{"c":"\\"","d":true}],"b":{}}'
    expect(canonicalJson({ b: {}, a: [1, undefined, { d: true, c: '"', e: undefined }] })).toBe(text)
    expect(canonicalJson({ a: [1, null, { c: '"', d: true }], b: {} })).toBe(text)
    expect([undefined, null, [], '', 'a'].map(canonicalJson)).toEqual(['null', 'null', '[]', '""', '"a"'])
  })

  it('is what JSON says of the value, whatever the value', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})

describe('canonicalPieces()', () => {
  it('are the same text, however deep it is cut', () => {
    const value = fc.object({
      withNullPrototype: false,
      values: [fc.string(), fc.constant(undefined), fc.integer()],
    })
    fc.assert(
      fc.property(value, fc.nat(5), (object, depth) => {
        expect([...canonicalPieces(object, depth)].join('')).toBe(canonicalJson(object))
      }),
    )
  })

  it('cut a long list into its items', () => {
    const changes = Array.from({ length: 100 }, (_, at) => ({ at }))
    const longest = Math.max(...[...canonicalPieces({ plan: { changes } }, 3)].map(({ length }) => length))
    expect(longest).toBeLessThan(20)
  })
})
