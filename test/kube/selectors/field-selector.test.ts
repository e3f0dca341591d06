import { describe, expect, it } from 'vitest'
import { matchesFields, parseFieldSelector } from '../../../src/kube/selectors/field-selector.ts'

const fields: Readonly<Record<string, string>> = {
  'metadata.name': 'web',
  'spec.nodeName': 'host-1',
  odd: 'a,b=c\\d',
}

describe('parseFieldSelector()', () => {
  it.each([
    ['', true],
    ['metadata.name=web', true],
    ['metadata.name==web', true],
    ['metadata.name!=web', false],
    ['metadata.name=web,spec.nodeName=host-1', true],
    ['metadata.name=web,spec.nodeName=host-2', false],
    ['status.phase=', true],
    ['status.phase!=Failed', true],
    ['metadata.name=web,', true],
    ['odd=a\\,b\\=c\\\\d', true],
  ])('reads %j, which for the object is %j', (text, matches) => {
    expect(matchesFields(parseFieldSelector(text), field => fields[field])).toBe(matches)
  })

  it.each([
    ['metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'"],
    ['a=b=c', 'invalid field selector: unescaped character in value: ='],
    ['a=b\\n', 'invalid field selector: invalid escape sequence: \\n'],
    ['a=b\\', 'invalid field selector: invalid escape sequence: \\'],
  ])('refuses %j', (text, message) => {
    expect(() => parseFieldSelector(text)).toThrow(expect.objectContaining({ reason: 'BadRequest', message }))
  })
})
