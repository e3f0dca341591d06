import { describe, expect, it } from 'vitest'
import { deepFreeze } from '../../../src/base/index.ts'
import { applyJsonPatch } from '../../../src/kinds/patch/json-patch.ts'
import { StatusError } from '../../../src/kube/status-error.ts'

const object = deepFreeze({ metadata: { name: 'web', labels: { 'a/b': '1' } }, list: [1, 2, 3] })

describe('applyJsonPatch()', () => {
  it.each([
    ['adds', [{ op: 'add', path: '/spec', value: { a: 1 } }], { ...object, spec: { a: 1 } }],
    ['adds to a list', [{ op: 'add', path: '/list/1', value: 9 }], { ...object, list: [1, 9, 2, 3] }],
    ['appends', [{ op: 'add', path: '/list/-', value: 4 }], { ...object, list: [1, 2, 3, 4] }],
    ['removes', [{ op: 'remove', path: '/metadata/labels' }], { ...object, metadata: { name: 'web' } }],
    [
      'replaces an escaped key',
      [{ op: 'replace', path: '/metadata/labels/a~1b', value: '2' }],
      { ...object, metadata: { name: 'web', labels: { 'a/b': '2' } } },
    ],
    [
      'moves',
      [{ op: 'move', from: '/list', path: '/items' }],
      { metadata: object.metadata, items: [1, 2, 3] },
    ],
    ['copies', [{ op: 'copy', from: '/list/0', path: '/first' }], { ...object, first: 1 }],
    ['goes on after a test that holds', [{ op: 'test', path: '/metadata', value: object.metadata }], object],
    ['takes a test for null where nothing is', [{ op: 'test', path: '/none/at/all', value: null }], object],
  ])('%s', (_, operations, expected) => {
    expect(applyJsonPatch(object, operations)).toEqual(expected)
  })

  it.each([
    ['a test that fails', [{ op: 'test', path: '/metadata/name', value: 'db' }]],
    ['a missing parent', [{ op: 'add', path: '/spec/replicas', value: 1 }]],
    ['a missing member to replace', [{ op: 'replace', path: '/spec', value: 1 }]],
    ['a missing member to remove', [{ op: 'remove', path: '/spec' }]],
    ['a missing member to copy', [{ op: 'copy', from: '/spec', path: '/other' }]],
    ['a missing member to move', [{ op: 'move', from: '/spec', path: '/other' }]],
    ['an index beyond the list', [{ op: 'add', path: '/list/4', value: 1 }]],
    ['a word as an index', [{ op: 'replace', path: '/list/length', value: 0 }]],
    ['a negative index', [{ op: 'replace', path: '/list/-1', value: 0 }]],
    ['a member of a text', [{ op: 'remove', path: '/metadata/name/length' }]],
    ['a move into itself', [{ op: 'move', from: '/metadata', path: '/metadata/labels/me' }]],
    ['the whole document', [{ op: 'replace', path: '', value: {} }]],
    ['__proto__', [{ op: 'add', path: '/__proto__/polluted', value: true }]],
    ['constructor', [{ op: 'add', path: '/constructor/prototype/polluted', value: true }]],
  ])('answers 422 to %s, and tells why', (_, operations) => {
    const error = refusalOf(operations)
    expect(error).toMatchObject({
      reason: 'Invalid',
      code: 422,
      message: 'the server rejected our request due to an error in our request',
    })
    expect(error.details.causes?.[0]?.message).toEqual(expect.any(String))
    expect({}).not.toHaveProperty('polluted')
  })

  it.each([
    ['no list', {}],
    ['no operation', [null]],
    ['an unknown op', [{ op: 'append', path: '/a' }]],
    ['no path', [{ op: 'remove' }]],
    ['a path that is no pointer', [{ op: 'remove', path: 'list' }]],
    ['an add without a value', [{ op: 'add', path: '/a' }]],
    ['a move without from', [{ op: 'move', path: '/a' }]],
  ])('answers 400 to %s', (_, operations) => {
    expect(refusalOf(operations)).toMatchObject({ reason: 'BadRequest', code: 400 })
  })

  it('keeps a member __proto__ of a value from becoming a prototype', () => {
    const value = JSON.parse('{"__proto__":{"polluted":true}}')
    const result = applyJsonPatch(object, [{ op: 'add', path: '/spec', value }]) as { spec: object }
    expect(Object.getPrototypeOf(result.spec)).toBe(Object.prototype)
    expect(result.spec).not.toHaveProperty('polluted')
  })

  it('bounds the number of operations and what copies add up to', () => {
    const test = { op: 'test', path: '/list/0', value: 1 }
    expect(refusalOf(Array.from({ length: 10_001 }, () => test))).toMatchObject({
      reason: 'RequestEntityTooLarge',
      message: 'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
    })
    const doubling = Array.from({ length: 64 }, (_, index) => ({
      op: 'copy',
      from: '/list',
      path: `/list/${index === 0 ? 0 : '-'}`,
    }))
    expect(refusalOf(doubling)).toMatchObject({ reason: 'Invalid' })
  })
})

function refusalOf(operations: unknown): StatusError {
  try {
    applyJsonPatch(object, operations)
  } catch (error) {
    if (error instanceof StatusError) return error
    throw error
  }
  throw new Error('the patch was applied')
}

describe('applyJsonPatch() of nested values', () => {
  const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels))
  const inside = (levels: number) => `/a${'/0'.repeat(levels)}`

  it.each([
    ['adding below what is there', [{ op: 'add', path: `${inside(150)}/-`, value: nested(150) }]],
    ['copying a value into itself', [{ op: 'copy', from: '/a', path: `${inside(150)}/-` }]],
    [
      'copying it again and again',
      Array.from({ length: 12 }, () => ({ op: 'copy', from: '/a', path: '/a/-' })).concat([
        { op: 'copy', from: '/a', path: `${inside(150)}/-` },
      ]),
    ],
    ['moving one into another', [{ op: 'move', from: '/b', path: `${inside(150)}/-` }]],
  ])('makes no object deeper than a body may be, by %s', (_, operations) => {
    const deep = { a: nested(152), b: nested(152) }
    expect(() => applyJsonPatch(deep, operations)).toThrow(StatusError)
    try {
      applyJsonPatch(deep, operations)
    } catch (error) {
      expect(JSON.stringify((error as StatusError).details)).toContain('deeper than 200 levels')
    }
  })

  it('makes one that is as deep', () => {
    expect(applyJsonPatch({ a: [] }, [{ op: 'add', path: '/a/-', value: nested(198) }])).toEqual({
      a: [nested(198)],
    })
  })
})
