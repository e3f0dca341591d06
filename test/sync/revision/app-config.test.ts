import { describe, expect, it } from 'vitest'
import { parseAppConfig } from '../../../src/sync/revision/app-config.ts'
import { matchesSegment, parseFolderPattern } from '../../../src/sync/revision/folder-pattern.ts'
import { suggest } from '../../../src/sync/revision/suggest.ts'

describe('parseAppConfig()', () => {
  it('reads a pattern or a list of them', () => {
    expect(parseAppConfig('apps: apps/*\n', 'bowline.yaml')).toMatchObject({
      patterns: [{ segments: ['apps', '*'], line: 1, column: 7 }],
      diagnostics: [],
    })
    const { patterns } = parseAppConfig('apps:\n  - ./apps/*/\n  - teams/**/prod\n', 'bowline.yaml')
    expect(patterns.map(({ segments, line }) => [...segments, line])).toEqual([
      ['apps', '*', 2],
      ['teams', '**', 'prod', 3],
    ])
  })

  it.each([
    ['app: x\n', ['1:1 unknown field "app"', '1:1 the field "apps" is missing']],
    ['apps: apps/*\nother: 1\n', ['2:1 unknown field "other"']],
    ['apps: ../x\n', ['1:7 the pattern leaves the folder with ".."']],
    ['apps: [a, 1, /b, "a**", "{a,b}", "x/**", ""]\n', 6],
    ['apps: {a: 1}\n', ['1:1 a pattern is text']],
    [`apps: ${'/'.repeat(1 << 19)}x\n`, ['1:7 the pattern is longer than 256 characters']],
    ['apps: []\n', ['1:1 the list "apps" is empty']],
    ['apps:\n', ['1:1 the field "apps" is missing']],
    ['', ['1:1 the file is empty']],
    ['- a\n', ['1:1 the file is not a map']],
    ['apps: a\n---\napps: b\n', ['3:1 the file holds more than one document']],
    ['apps: [\n', 1],
    ['apps: a\napps: b\n', 1],
  ])('refuses %j with positions', (text, expected) => {
    const { diagnostics } = parseAppConfig(text, 'bowline.yaml')
    const found = diagnostics.map(({ line, column, message }) => `${line}:${column} ${message}`)
    if (typeof expected === 'number') expect(found.length).toBeGreaterThanOrEqual(expected)
    else expect(found).toEqual(expected)
  })
})

describe('matchesSegment()', () => {
  it.each([
    ['*', 'shop', true],
    ['*', '.hidden', false],
    ['.*', '.hidden', true],
    ['a*b', 'ab', true],
    ['a*b', 'axxb', true],
    ['a*b', 'axxc', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['**', 'x', true],
    ['shop', 'shop', true],
    ['shop', 'shops', false],
    ['s.op', 'shop', false],
  ])('%s and %s: %s', (segment, name, matches) => {
    expect(matchesSegment(segment, name)).toBe(matches)
  })

  it('takes no exponential time', () => {
    expect(matchesSegment(`${'*a'.repeat(100)}b`, 'a'.repeat(255))).toBe(false)
  })
})

describe('parseFolderPattern()', () => {
  it.each(['', '.', './', '/x', 'a//b', 'a/./b', 'a/../b', 'a/b**', 'a\\b', 'a/**', 'x'.repeat(300)])(
    'refuses %j',
    text => {
      expect(parseFolderPattern(text)).toHaveProperty('refusal')
    },
  )

  it('refuses a text that is too long before it looks at it', () => {
    for (const part of ['/', './', 'a/'])
      expect(parseFolderPattern(`${part.repeat(1_000_000)}a`)).toEqual({
        refusal: 'the pattern is longer than 256 characters',
      })
  })
})

describe('suggest()', () => {
  it.each([
    ['replcias', 'replicas'],
    ['Replicas', 'replicas'],
    ['imagePullPolcy', 'imagePullPolicy'],
    ['zzz', undefined],
    ['a', undefined],
  ])('for %s means %s', (word, meant) => {
    expect(suggest(word, ['replicas', 'selector', 'imagePullPolicy', 'b'])).toBe(meant)
  })
})
