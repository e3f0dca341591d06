import { execFileSync, spawnSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { parseFieldPath } from '../../../src/kube/field-path.ts'
import { yamlLimits } from '../../../src/kube/yaml/limits.ts'
import { parseYaml, parseYamlValue } from '../../../src/kube/yaml/parse.ts'

const KUBECTL = 'kubectl'
/** Without kubectl the same scalars are still compared with what it said when this was written. */
const hasKubectl = spawnSync(KUBECTL, ['version', '--client']).status === 0

function codes(text: string): string[] {
  return parseYaml(text).problems.map(problem => `${problem.line}:${problem.column} ${problem.code}`)
}

/** What kubectl, without a server, makes of the field `x` of an object; undefined when it refuses. */
function readByKubectl(body: string): unknown {
  try {
    const text = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx:\n${body}\n`
    const output = execFileSync(KUBECTL, ['label', '--local', '-f', '-', '-o', 'json', 'a=b'], {
      input: text,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    return (JSON.parse(output) as { x?: unknown }).x
  } catch {
    return undefined
  }
}

describe('parseYamlValue()', () => {
  it('reads scalars as Kubernetes does, which is as YAML 1.1', () => {
    const value = parseYamlValue(
      '{a: y, b: No, c: on, d: 0644, e: 0o17, f: 0x1F, g: 0b101, h: 1_000, i: 1e3, j: ~, k: 089, l: .5, m: +5, n: 1:30, o: 2001-01-01, ' +
        'p: "yes", q: !!str 12, r: !!int "12", s: 1E400, t: -0b11, u: 1.2.3, v: 100m, w: Null, x: tRue}',
    )
    expect(Object.values(value as object)).toEqual([
      ...[true, false, true, 420, 15, 31, 5, 1000, 1000, null, 89, 0.5, 5, '1:30', '2001-01-01'],
      ...['yes', '12', 12, '1E400', -3, '1.2.3', '100m', null, 'tRue'],
    ])
  })

  it.skipIf(!hasKubectl)('reads scalars exactly as kubectl does', () => {
    const scalars =
      'y n Y N yes no Yes NO on off On OFF true True TRUE tRue false null Null NULL ~ nUll ~x 0 -0 +5 -5 00 0644 0o644 0O17 ' +
      '0b101 0B11 0b12 -0b11 0x1F 0X1f -0x10 0xg 1_000 1__0 _1 0_8 089 08 1e3 1E3 1e+3 1e-3 1e 1.5 1. .5 +.5 -.5 .5e3 .e5 ._5 ._ . ' +
      '1.5_0 1_.5 1E400 -1E400 0x1p-2 1:30 190:20:30 2001-01-01 2001-12-14T21:59:43.10Z 12:30:45 1.2.3 v1 = + <a 100m 1Gi 10% ' +
      'Infinity NaN nan inf 9007199254740991 -9007199254740991 "yes" "1" \'0644\' !!str 12 !!str yes !!int "12" !!bool yes ! 12 !foo 12 ' +
      '!!float 3 !!null null'
    const words = scalars.match(/!\S* \S+|\S+/g) ?? []
    const body = words.map((word, index) => `  k${index}: ${word}`).join('\n')
    const read = readByKubectl(body)
    expect(read).toBeDefined()
    expect(parseYamlValue(body)).toEqual(read)
  })

  it.skipIf(!hasKubectl)(
    'reads keys, merges, tags and collections exactly as kubectl does, and refuses what kubectl refuses',
    () => {
      for (const body of [
        '  1: a\n  yes: b\n  1.5: c\n  0x10: d\n  ~x: e\n  "null": f',
        '  a: &q {b: 1, c: [x]}\n  d: *q\n  e: {<<: *q, b: 2}\n  f: {b: 2, <<: *q}',
        '  <<: [{a: 1, b: 1}, {a: 2, c: 3}]',
        '  "<<": {z: 1}',
        '  __proto__: {polluted: true}\n  constructor: {prototype: 1}',
        '  a: !foo {b: 1}\n  c: !!map {d: 1}\n  e: !!omap [x: 1]',
        '  - a\n  - - b\n    - c\n  - {}\n  - []\n  -',
        '  a: |\n    text\n      more\n  b: >-\n    folded\n    text\n  c: "x\\ty\\u0041"\n  d: plain\n    over lines',
        '  {"a": [1, 2.5, true, null, "x"], "b": {"c": "/"}}',
        '  ~: 1',
        '  <<: 5',
        '  a: *nowhere',
        '  a: &q [*q]',
        '  ? [a]\n  : 1',
        '  a: .inf',
        '  a: .nan',
        '  a: !!int x',
        '  a: [1, 2',
        '  a: b: c',
        '  a: "open',
        '  a: {{ template }}',
        '  a: @x',
      ]) {
        const read = readByKubectl(body)
        const { documents, problems } = parseYaml(`x:\n${body}`)
        if (read === undefined) expect(problems, body).not.toEqual([])
        else expect({ x: read }, body).toEqual(documents[0]?.value)
      }
    },
  )

  it('keeps a key __proto__ as data', () => {
    const value = parseYamlValue('__proto__: {a: 1}\nb: {__proto__: 2}') as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value)).toEqual(['__proto__', 'b'])
    expect(({} as Record<string, unknown>).a).toBeUndefined()
  })

  it('refuses whole numbers that a double cannot hold, and !!binary', () => {
    expect(codes('a: 9007199254740993')).toEqual(['1:4 bad-number'])
    expect(codes('a: !!binary aGVsbG8=')).toEqual(['1:13 bad-tag'])
  })

  it('reads JSON with tabs, escapes and surrogate pairs', () => {
    const value = { a: ['é', '😀', 'x"y', '\u2028'], b: { c: 1e-7, d: -0.5, e: null } }
    expect(parseYamlValue(JSON.stringify(value, null, '\t'))).toEqual(value)
    expect(parseYamlValue('{"a": "\\ud83d\\ude00"}')).toEqual({ a: '😀' })
  })

  it('throws one error with line and column, and refuses a second document', () => {
    expect(() => parseYamlValue('a: 1\na: 2')).toThrow(
      'Cannot parse YAML: the key "a" is given twice, first in line 1 at line 2, column 1',
    )
    expect(() => parseYamlValue('a: 1\n---\nb: 2')).toThrow('a second document starts at line 3')
    expect(parseYamlValue('# nothing\n')).toBeNull()
  })
})

describe('parseYaml()', () => {
  it('finds every problem of a text with its position', () => {
    expect(codes('a: 1\nb: 2\na: 3\n---\nc: *x\nd: {e: 1, e: 2}\n---\nf: .inf\n')).toEqual([
      '3:1 duplicate-key',
      '5:4 bad-alias',
      '6:11 duplicate-key',
      '8:4 bad-number',
    ])
  })

  it('keeps the good documents beside a bad one', () => {
    const { documents, problems } = parseYaml('a: 1\n---\nb: [\n---\nc: 3\n')
    expect(documents.map(({ value }) => value)).toContainEqual({ a: 1 })
    expect(problems.length).toBeGreaterThan(0)
  })

  it('names line and column of each document, past comments, directives, CRLF and a byte order mark', () => {
    const { documents } = parseYaml('\ufeff# c\r\n\r\na: 1\r\n---\r\n# d\r\n  b: 2\r\n')
    expect(documents.map(({ line, column }) => [line, column])).toEqual([
      [3, 1],
      [6, 3],
    ])
    expect(documents[0]?.value).toEqual({ a: 1 })
  })

  it('finds fields by path: a scalar by its value, a collection by its key, a missing one by what is around it', () => {
    const text =
      'spec:\n  list:\n    - name: a\n      image: x\n    - {name: b, image: y}\n  labels:\n    app.kubernetes.io/name: z\n  empty:\n'
    const document = parseYaml(text).documents[0]
    const at = (path: string, side?: 'key' | 'value'): string => {
      const position = document?.positionOf(parseFieldPath(path), side)
      return `${position?.line}:${position?.column}`
    }
    expect(at('')).toBe('1:1')
    expect(at('spec')).toBe('1:1')
    expect(at('spec.list')).toBe('2:3')
    expect(at('spec.list[0]')).toBe('3:7')
    expect(at('spec.list[0].image')).toBe('4:14')
    expect(at('spec.list[0].image', 'key')).toBe('4:7')
    expect(at('spec.list[1].image')).toBe('5:24')
    expect(at('spec.list[name="b"].image')).toBe('5:24')
    expect(at('spec.labels[app.kubernetes.io/name]')).toBe('7:29')
    expect(at('spec.labels["app.kubernetes.io/name"]')).toBe('7:29')
    expect(at('spec.empty')).toBe('8:3')
    expect(at('spec.list[0].missing.deeper')).toBe('3:7')
    expect(at('spec.missing')).toBe('1:1')
  })

  it.each([
    ['nested brackets', '['.repeat(1_000_000), 'too-deep'],
    ['nested maps', 'a: '.repeat(300_000), 'too-deep'],
    ['nested lists', '- '.repeat(500_000), 'too-deep'],
    ['documents', '---\na: 1\n'.repeat(1_001), 'too-many-documents'],
    ['bytes', `a: ${'x'.repeat(1024 * 1024)}`, 'file-too-large'],
    ['bytes in UTF-8', `a: ${'€'.repeat(400_000)}`, 'file-too-large'],
    ['tokens', '- a\n'.repeat(200_000), 'file-too-large'],
    ['aliases', `a: &a x\nb:\n${'- *a\n'.repeat(1_001)}`, 'too-many-aliases'],
    ['what aliases add', `a: &a "${'x'.repeat(500_000)}"\nb: [*a, *a, *a]`, 'too-many-aliases'],
  ])('gives one problem for too many %s', (_, text, code) => {
    expect(parseYaml(text).problems.map(problem => problem.code)).toEqual([code])
  })

  it('answers a billion laughs with one problem and a small value', () => {
    const levels = 'abcdefghi'.split('')
    const bomb = levels
      .map((name, index) => {
        const items = Array(9).fill(index === 0 ? 'lol' : `*${levels[index - 1]}`)
        return `${name}: &${name} [${items.join(', ')}]`
      })
      .join('\n')
    const { documents, problems } = parseYaml(bomb)
    expect(problems.map(({ code }) => code)).toEqual(['too-many-aliases'])
    expect(documents).toEqual([])
  })

  it('counts what aliases add over all documents of a text, so that many small bombs are one', () => {
    const bomb = `a: &a [${'x,'.repeat(10)}]\nb: &b [${'*a,'.repeat(10)}]\nc: [${'*b,'.repeat(10)}]\n---\n`
    const { documents, problems } = parseYaml(bomb.repeat(900))
    expect(problems.map(({ code }) => code)).toEqual(['too-many-aliases'])
    expect(JSON.stringify(documents.map(({ value }) => value)).length).toBeLessThan(2 * yamlLimits.bytes)
  })

  it('allows exactly the depth of its limit', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(codes(nested(64))).toEqual([])
    expect(codes(nested(65))).toEqual(['1:66 too-deep'])
  })

  it('cuts a flood of problems short', () => {
    const { problems } = parseYaml('a: 1\n'.repeat(500))
    expect(problems).toHaveLength(51)
    expect(problems.at(-1)?.code).toBe('too-many-problems')
  })

  it('never throws, whatever the text', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'a: ',
        '- ',
        '\n',
        '  ',
        '[',
        ']',
        '{',
        '}',
        ',',
        ': ',
        '? ',
        '&a ',
        '*a',
        '"',
        "'",
        '|\n',
      ),
      fc.constantFrom(
        '>',
        '#',
        '---\n',
        '...',
        '%YAML 1.1\n',
        '!!str ',
        '!<',
        '<<: ',
        '\t',
        '\r',
        '\ufeff',
        '\0',
        '\ud800',
      ),
      fc.string({ maxLength: 4 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), pieces => {
        const { documents, problems } = parseYaml(pieces.join(''))
        for (const { line, column } of [...documents, ...problems]) {
          expect(line).toBeGreaterThanOrEqual(1)
          expect(column).toBeGreaterThanOrEqual(1)
        }
        JSON.stringify(documents.map(({ value }) => value))
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('parseYamlValue(), of what another writes for readers of YAML 1.1 and 1.2', () => {
  it('reads the value that was written', () => {
    const word = fc.oneof(
      fc.string(),
      fc.constantFrom(
        'yes',
        'n',
        'on',
        '0644',
        '1_000',
        '0b1',
        '1:30',
        '~',
        '',
        '<<',
        '.5',
        '1e3',
        '- a',
        '#',
        'a: b',
        ' x',
        'x\ny\n',
      ),
    )
    const { value } = fc.letrec(tie => ({
      value: fc.oneof(
        { maxDepth: 4 },
        word,
        fc.boolean(),
        fc.constant(null),
        fc.maxSafeInteger(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).filter(number => !Number.isInteger(number)),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(word, tie('value'), { maxKeys: 4, noNullPrototype: true }),
      ),
    }))
    fc.assert(
      fc.property(value, input => {
        const text = stringify(input, {
          schema: 'core',
          compat: 'yaml-1.1',
          lineWidth: 0,
          aliasDuplicateObjects: false,
        })
        expect(parseYamlValue(text)).toEqual(JSON.parse(JSON.stringify(input)))
      }),
      { numRuns: 2_000 },
    )
  })
})
