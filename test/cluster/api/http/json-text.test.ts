import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJsonText } from '../../../../src/cluster/api/http/json-text.ts'
import { StatusError } from '../../../../src/kube/index.ts'

describe('parseJsonText()', () => {
  it.each([
    ['{"a":1,"a":2}', ['a']],
    ['{"spec":{"replicas":1,"x":{"replicas":2},"replicas":3}}', ['spec.replicas']],
    ['{"c":[{"n":1},{"n":1,"n":2}]}', ['c[1].n']],
    ['{"c":[[1,{"n":1,"n":2}]]}', ['c[0][1].n']],
    ['{"a":"x,{\\"a\\":1}","b":{"a":1}}', []],
    ['{"\\u0061":1,"a":2}', ['a']],
    ['[{"a":1},{"a":1}]', []],
    ['{"a":{},"b":[],"a":[]}', ['a']],
    ['{"a":["a","a"],"b":"b"}', []],
  ])('finds what %s has twice', (text, expected) => {
    expect(parseJsonText(text).duplicates).toEqual(expected)
  })

  it('reads every JSON value as JSON.parse() does and finds no duplicates in what JSON.stringify() wrote', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const text = JSON.stringify(value)
        const parsed = parseJsonText(text)
        expect(parsed.value).toEqual(JSON.parse(text))
        expect(parsed.duplicates).toEqual([])
      }),
    )
  })

  it('refuses any other text with BadRequest and quotes nothing of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), noise => {
        try {
          parseJsonText(`{"password":"hunter2" ${noise}`)
        } catch (error) {
          return error instanceof StatusError && error.code === 400 && !error.message.includes('hunter2')
        }
        return true
      }),
    )
  })

  it('refuses what is nested too deep', () => {
    expect(() => parseJsonText('['.repeat(100_000))).toThrow(/nested deeper/)
    expect(() => parseJsonText('{"a":'.repeat(300))).toThrow(/nested deeper/)
  })
})
