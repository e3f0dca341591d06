import { describe, expect, it } from 'vitest'
import { isAddress } from '../../src/kinds/validation/addresses.ts'
import { encodeBase64, isBase64 } from '../../src/kube/base64.ts'
import {
  configKeyProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  envNameProblems,
  nameProblems,
  portNameProblems,
  portNumberProblems,
} from '../../src/kube/names.ts'

const long = (length: number): string => 'a'.repeat(length)

describe('dnsLabelProblems() and dnsSubdomainProblems()', () => {
  it.each([
    ['web', true, true],
    ['0', true, true],
    ['a-b', true, true],
    ['a.b', false, true],
    [long(63), true, true],
    [long(64), false, true],
    [long(254), false, false],
    ['', false, false],
    ['-a', false, false],
    ['a-', false, false],
    ['a..b', false, false],
    ['Web', false, false],
    ['a_b', false, false],
    ['a\n', false, false],
  ])('judge %j', (text, isLabel, isSubdomain) => {
    expect(dnsLabelProblems(text).length === 0).toBe(isLabel)
    expect(dnsSubdomainProblems(text).length === 0).toBe(isSubdomain)
  })

  it('take no time over a long text', () => {
    expect(dnsSubdomainProblems(`${'a.'.repeat(1_000_000)}!`)).toEqual([
      'must be no more than 253 characters',
    ])
  })
})

describe('nameProblems()', () => {
  it.each([
    ['Any:Name', []],
    ['..', ["may not be '..'"]],
    ['a/b%', ["may not contain '/'", "may not contain '%'"]],
  ])('judges %j as a segment of a path', (name, problems) => {
    expect(nameProblems('path-segment', name)).toEqual(problems)
  })
})

describe('configKeyProblems()', () => {
  it.each([
    ['app.conf', 0],
    ['_A-1.b', 0],
    ['.', 1],
    ['..', 1],
    ['..data', 1],
    ['a b', 1],
    ['', 1],
    [long(254), 1],
  ])('finds in %j problems: %d', (key, count) => {
    expect(configKeyProblems(key)).toHaveLength(count)
  })
})

describe('envNameProblems()', () => {
  it.each([
    ['PATH', true],
    ['1st', true],
    ['with space', true],
    ['a=b', false],
    ['', false],
    ['tab\t', false],
    ['ü', false],
  ])('judges %j', (name, isGood) => {
    expect(envNameProblems(name).length === 0).toBe(isGood)
  })
})

describe('portNameProblems() and portNumberProblems()', () => {
  it.each([
    ['http', []],
    ['80', ['must contain at least one letter (a-z)']],
    ['a--b', ['must not contain consecutive hyphens']],
    ['-a', ['must not begin or end with a hyphen']],
    [
      'HTTP1',
      [
        'must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)',
        'must contain at least one letter (a-z)',
      ],
    ],
    [long(16), ['must be no more than 15 characters']],
  ])('judge the name %j', (name, problems) => {
    expect(portNameProblems(name)).toEqual(problems)
  })

  it.each([
    [1, true],
    [65_535, true],
    [0, false],
    [65_536, false],
    [1.5, false],
  ])('judge the number %d', (port, isGood) => {
    expect(portNumberProblems(port).length === 0).toBe(isGood)
  })
})

describe('isAddress()', () => {
  it.each([
    ['10.0.0.1', true],
    ['255.255.255.255', true],
    ['256.0.0.1', false],
    ['10.0.0', false],
    ['010.0.0.1', false],
    ['::', true],
    ['::1', true],
    ['2001:db8::ffff', true],
    ['1:2:3:4:5:6:7:8', true],
    ['1:2:3:4:5:6:7', false],
    ['1:2:3:4:5:6:7:8:9', false],
    ['::ffff:10.0.0.1', true],
    ['::ffff:10.0.0.256', false],
    ['1::2::3', false],
    [':::', false],
    ['g::', false],
    ['', false],
    ['host', false],
  ])('judges %j', (text, isOne) => {
    expect(isAddress(text)).toBe(isOne)
  })
})

describe('encodeBase64() and isBase64()', () => {
  it.each(['', 'a', 'ab', 'abc', 'grüße €𝄞', '\0ÿ'])('write %j as others read it', text => {
    const encoded = encodeBase64(text)
    expect(Buffer.from(encoded, 'base64').toString()).toBe(text)
    expect(isBase64(encoded)).toBe(true)
  })

  it.each([
    ['YQ==', true],
    ['YWI\n=', true],
    ['YQ', false],
    ['YQ=', false],
    ['Y-_=', false],
    ['=', false],
  ])('judge %j', (encoded, isGood) => {
    expect(isBase64(encoded)).toBe(isGood)
  })
})
