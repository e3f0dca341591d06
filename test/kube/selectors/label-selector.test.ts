import { describe, expect, it } from 'vitest'
import { parseLabelSelector } from '../../../src/kube/selectors/label-parser.ts'
import {
  formatLabelSelector,
  labelSelectorFromObject,
  matchesLabels,
} from '../../../src/kube/selectors/label-selector.ts'
import { StatusError } from '../../../src/kube/status-error.ts'

describe('parseLabelSelector()', () => {
  it.each([
    ['', {}, true],
    ['', { any: 'thing' }, true],
    ['app=web', { app: 'web' }, true],
    ['app==web', { app: 'web' }, true],
    ['app = web', { app: 'web' }, true],
    ['app=web', { app: 'db' }, false],
    ['app=web', {}, false],
    ['app=', { app: '' }, true],
    ['app=', {}, false],
    ['app!=web', {}, true],
    ['app!=web', { app: 'web' }, false],
    ['app', { app: '' }, true],
    ['app', {}, false],
    ['!app', {}, true],
    ['! app', { app: 'x' }, false],
    ['app in (web, db)', { app: 'db' }, true],
    ['app in (web,db)', {}, false],
    ['app in (,web)', { app: '' }, true],
    ['app notin (web,db)', { app: 'cache' }, true],
    ['app notin (web,db)', {}, true],
    ['app notin (web,db)', { app: 'db' }, false],
    ['app=web,tier!=x,!canary', { app: 'web', tier: 'y' }, true],
    ['app=web,tier!=x,!canary', { app: 'web', tier: 'y', canary: '' }, false],
    ['size>3', { size: '10' }, true],
    ['size>3', { size: '3' }, false],
    ['size>3', { size: 'big' }, false],
    ['size<3', { size: '-1' }, true],
    ['in=notin', { in: 'notin' }, true],
    ['in in (in)', { in: 'in' }, true],
    ['example.com/app=web', { 'example.com/app': 'web' }, true],
    ['toString', {}, false],
    ['__proto__=x', {}, false],
  ])('reads %j, which for %j is %j', (text, labels, matches) => {
    if (text.startsWith('__proto__')) {
      expect(() => parseLabelSelector(text)).toThrow(StatusError)
      return
    }
    expect(matchesLabels(parseLabelSelector(text), labels as Record<string, string>)).toBe(matches)
  })

  it.each([
    ['app=web,', "found '', expected: identifier after ','"],
    [',app', "found ',', expected: !, identifier, or 'end of string'"],
    ['app web', "unable to parse requirement: found 'web', expected: in, notin, =, ==, !=, gt, lt"],
    ['app=(web)', "unable to parse requirement: found '(', expected: identifier"],
    ['app=a b', "found 'b', expected: ',' or 'end of string'"],
    ['app in web', "unable to parse requirement: found 'web' expected: '('"],
    ['app in (web', "unable to parse requirement: found '', expected: ',' or ')'"],
    [
      'app in ()',
      "unable to parse requirement: values: Invalid value: []string{}: for 'in', 'notin' operators, values set can't be empty",
    ],
    [
      'size>big',
      "unable to parse requirement: values[0]: Invalid value: \"big\": for 'Gt', 'Lt' operators, the value must be an integer",
    ],
    ['!', "unable to parse requirement: found '', expected: identifier"],
  ])('refuses %j', (text, message) => {
    const refusal = catchError(() => parseLabelSelector(text))
    expect(refusal).toBeInstanceOf(StatusError)
    expect((refusal as StatusError).reason).toBe('BadRequest')
    expect((refusal as StatusError).message).toBe(message)
  })

  it('refuses a key and a value that no label can have', () => {
    expect(() => parseLabelSelector('-a=b')).toThrow(
      'unable to parse requirement: <nil>: Invalid value: "-a": name part must consist of alphanumeric',
    )
    expect(() => parseLabelSelector('a=-b')).toThrow(
      'unable to parse requirement: values[0][a]: Invalid value: "-b": a valid label must be an empty string',
    )
    expect(() => parseLabelSelector('UPPER/a')).toThrow('prefix part a lowercase RFC 1123 subdomain')
    expect(() => parseLabelSelector('a/b/c')).toThrow('a qualified name must consist of')
    expect(() => parseLabelSelector(`a=${'b'.repeat(64)}`)).toThrow('must be no more than 63 characters')
  })

  it('gives what formatLabelSelector() writes back, sorted by key', () => {
    const text = '!c,a=1,b in (x,y),d notin (z),e!=2,f,g>1,h<2'
    expect(formatLabelSelector(parseLabelSelector(text))).toBe('a=1,b in (x,y),!c,d notin (z),e!=2,f,g>1,h<2')
  })
})

describe('labelSelectorFromObject()', () => {
  it('matches nothing for an absent selector and everything for an empty one', () => {
    expect(matchesLabels(labelSelectorFromObject(undefined), { a: 'b' })).toBe(false)
    expect(matchesLabels(labelSelectorFromObject({}), { a: 'b' })).toBe(true)
    expect(matchesLabels(labelSelectorFromObject({}), undefined)).toBe(true)
  })

  it('wants matchLabels and matchExpressions together', () => {
    const selector = labelSelectorFromObject({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['a', 'b'] },
        { key: 'canary', operator: 'DoesNotExist' },
      ],
    })
    expect(formatLabelSelector(selector)).toBe('app=web,!canary,tier in (a,b)')
    expect(matchesLabels(selector, { app: 'web', tier: 'b' })).toBe(true)
    expect(matchesLabels(selector, { app: 'web', tier: 'c' })).toBe(false)
  })

  it('refuses an operator that upstream does not have', () => {
    expect(() => labelSelectorFromObject({ matchExpressions: [{ key: 'a', operator: 'Like' }] })).toThrow(
      '"Like" is not a valid label selector operator',
    )
  })
})

function catchError(call: () => unknown): unknown {
  try {
    call()
  } catch (error) {
    return error
  }
  return undefined
}
