import { describe, expect, it } from 'vitest'
import { deepFreeze } from '../../../src/base/index.ts'
import { applyMergePatch } from '../../../src/kinds/patch/merge-patch.ts'

describe('applyMergePatch()', () => {
  // The table of RFC 7386, appendix A, without the patches that are no objects.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('turns %j by %j into %j', (target, patch, expected) => {
    expect(applyMergePatch(deepFreeze(target), deepFreeze(patch))).toEqual(expected)
  })

  it('refuses a patch that is no object with 400', () => {
    for (const patch of [null, [], 'text', 1])
      expect(() => applyMergePatch({}, patch)).toThrow(expect.objectContaining({ code: 400 }))
  })

  it('keeps a member __proto__ from becoming a prototype', () => {
    const result = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}')) as object
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
    expect(Object.hasOwn(result, '__proto__')).toBe(true)
    expect(result).not.toHaveProperty('polluted')
  })
})
