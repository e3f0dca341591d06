import { describe, expect, it } from 'vitest'
import { SchemaRules } from '../../../src/kinds/cel/schema-rules.ts'
import type { SchemaProps } from '../../../src/kinds/custom/schema-props.ts'
import { formatProblem, Problems } from '../../../src/kinds/validation/problems.ts'

type Rule = NonNullable<SchemaProps['x-kubernetes-validations']>[number]

/** The schema of an object whose `spec` has these properties, with rules at the spec. */
function specWith(
  properties: NonNullable<SchemaProps['properties']>,
  ...rules: readonly Rule[]
): SchemaProps {
  return {
    type: 'object',
    properties: { spec: { type: 'object', properties, 'x-kubernetes-validations': rules } },
  }
}

function check(schema: SchemaProps, spec: unknown, old?: unknown): readonly string[] {
  const rules = new SchemaRules(schema)
  expect(rules.problems).toEqual([])
  const problems = new Problems()
  rules.check({ spec }, old === undefined ? undefined : { spec: old }, problems)
  return problems.list.map(formatProblem)
}

const integer: SchemaProps = { type: 'integer' }
const text: SchemaProps = { type: 'string' }
const texts: SchemaProps = { type: 'array', items: text }
const named: SchemaProps = {
  type: 'array',
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name'],
  items: { type: 'object', required: ['name'], properties: { name: text, size: integer } },
}

describe('SchemaRules', () => {
  it.each<[string, Record<string, SchemaProps>, unknown, boolean]>([
    ['self.min <= self.max', { min: integer, max: integer }, { min: 1, max: 2 }, true],
    ['self.min <= self.max', { min: integer, max: integer }, { min: 3, max: 2 }, false],
    ['has(self.a) || has(self.b)', { a: text, b: text }, {}, false],
    ['has(self.a) || has(self.b)', { a: text, b: text }, { b: '' }, true],
    ['has(self.a)', { a: { ...text, nullable: true } }, { a: null }, false],
    ['self.list.all(x, x.size > 0)', { list: named }, { list: [{ name: 'a', size: 1 }] }, true],
    ['self.list.exists(x, x.name == "b")', { list: named }, { list: [{ name: 'a' }] }, false],
    ['self.list.exists_one(x, x.name == "a")', { list: named }, { list: [{ name: 'a' }] }, true],
    ['self.list.map(x, x.size).sum() == 3', { list: named }, { list: [{ size: 1 }, { size: 2 }] }, true],
    ['self.list.filter(x, has(x.size)).size() == 1', { list: named }, { list: [{}, { size: 2 }] }, true],
    ['has(self.list[0].size)', { list: named }, { list: [{ name: 'a' }] }, false],
    ['has(self.list[0].size)', { list: named }, { list: [{ size: 1 }] }, true],
    ['self.list.all(x, (x.size + 1) == 2)', { list: named }, { list: [{ name: 'a', size: 1 }] }, true],
    ['self.list.all(x, ("(" + x.name) == "(a" || false)', { list: named }, { list: [{ name: 'a' }] }, true],
    [
      'self.list.map(x, (x.size)).all(x, 2 * (x + (1)) == (4)) // (',
      { list: named },
      { list: [{ name: 'a', size: 1 }] },
      true,
    ],
    ['has((self.list)[0].name) == true', { list: named }, { list: [{ name: 'a' }] }, true],
    ['self.a.matches("^[a-z]+$")', { a: text }, { a: 'abc' }, true],
    ['self.a.matches("^[a-z]+$")', { a: text }, { a: 'a1' }, false],
    ['self.a.startsWith("x") && self.a.endsWith("z")', { a: text }, { a: 'xyz' }, true],
    ['self.a.lowerAscii() == "abc"', { a: text }, { a: 'ABC' }, true],
    ['self.a.split(",").size() == 2', { a: text }, { a: 'x,y' }, true],
    ['self.l.join("-") == "a-b"', { l: texts }, { l: ['a', 'b'] }, true],
    ['self.l.isSorted() && self.l.indexOf("b") == 1', { l: texts }, { l: ['a', 'b'] }, true],
    ['"a" in self.l', { l: texts }, { l: ['b'] }, false],
    [
      'self.m.all(k, self.m[k] == k)',
      { m: { type: 'object', additionalProperties: text } },
      { m: { a: 'a' } },
      true,
    ],
    ['"x" in self.m', { m: { type: 'object', additionalProperties: text } }, { m: { a: 'a' } }, false],
    [
      'type(self.p) == int ? self.p > 0 : self.p != ""',
      { p: { 'x-kubernetes-int-or-string': true } },
      { p: 80 },
      true,
    ],
    ['type(self.p) == string', { p: { 'x-kubernetes-int-or-string': true } }, { p: 'http' }, true],
    ['self.ratio > 0.5', { ratio: { type: 'number' } }, { ratio: 1 }, true],
    [
      'self.__namespace__ == "n" && self.a__dash__b == 1',
      { namespace: text, 'a-b': integer },
      { namespace: 'n', 'a-b': 1 },
      true,
    ],
    [
      'self.at > timestamp("2020-01-01T00:00:00Z")',
      { at: { ...text, format: 'date-time' } },
      { at: '2021-01-01T00:00:00Z' },
      true,
    ],
    ['quantity(self.q).isGreaterThan(quantity("1Gi"))', { q: text }, { q: '2048Mi' }, true],
    ['isQuantity(self.q)', { q: text }, { q: 'x' }, false],
    [
      'self.list == self.other',
      { list: named, other: named },
      { list: [{ name: 'a' }], other: [{ name: 'a' }] },
      true,
    ],
    [
      'self.list == self.other',
      { list: named, other: named },
      { list: [{ name: 'a' }], other: [{ name: 'b' }] },
      false,
    ],
    ['self.?a.orValue("d") == "d"', { a: text }, {}, true],
  ])('%s', (rule, properties, spec, holds) => {
    expect(check(specWith(properties, { rule, message: 'no' }), spec)).toEqual(
      holds ? [] : ['spec: Invalid value: "object": no'],
    )
  })

  it('tells a failure by message, by messageExpression, at fieldPath and with its reason', () => {
    expect(check(specWith({ a: integer }, { rule: ' self.a > 1 ' }), { a: 1 })).toEqual([
      'spec: Invalid value: "object": failed rule: self.a > 1',
    ])
    const rule: Rule = {
      rule: 'self.a > 1',
      message: 'fallback',
      messageExpression: '"a is " + string(self.a)',
      fieldPath: '.a',
      reason: 'FieldValueForbidden',
    }
    expect(check(specWith({ a: integer }, rule), { a: 1 })).toEqual(['spec.a: Forbidden: a is 1'])
    const broken = { ...rule, messageExpression: 'string(1 / (self.a - 1))' }
    expect(check(specWith({ a: integer }, broken), { a: 1 })).toEqual(['spec.a: Forbidden: fallback'])
  })

  it('runs transition rules where there is an old value, and others where the value has changed', () => {
    const frozen = specWith({ a: integer }, { rule: 'self.a == oldSelf.a', message: 'a is immutable' })
    expect(check(frozen, { a: 1 })).toEqual([])
    expect(check(frozen, { a: 1 }, { a: 1 })).toEqual([])
    expect(check(frozen, { a: 2 }, { a: 1 })).toEqual(['spec: Invalid value: "object": a is immutable'])
    const stricter = specWith({ a: integer, b: integer }, { rule: 'self.a > 5', message: 'no' })
    expect(check(stricter, { a: 1 }, { a: 1 })).toEqual([])
    expect(check(stricter, { a: 1, b: 1 }, { a: 1 })).not.toEqual([])
  })

  it('gives rules that say so an optional old value, when objects are made too', () => {
    const rule = 'oldSelf.hasValue() ? oldSelf.value().a <= self.a : self.a == 0'
    const schema = specWith({ a: integer }, { rule, optionalOldSelf: true, message: 'no' })
    expect(check(schema, { a: 0 })).toEqual([])
    expect(check(schema, { a: 1 })).not.toEqual([])
    expect(check(schema, { a: 1 }, { a: 0 })).toEqual([])
    expect(check(schema, { a: 0 }, { a: 1 })).not.toEqual([])
  })

  it('finds the old item of a list by its keys', () => {
    const items = {
      ...named.items,
      'x-kubernetes-validations': [{ rule: 'self.size >= oldSelf.size', message: 'shrinks' }],
    }
    const schema = specWith({ list: { ...named, items } })
    const old = {
      list: [
        { name: 'a', size: 1 },
        { name: 'b', size: 5 },
      ],
    }
    expect(
      check(
        schema,
        {
          list: [
            { name: 'b', size: 6 },
            { name: 'a', size: 1 },
          ],
        },
        old,
      ),
    ).toEqual([])
    expect(check(schema, { list: [{ name: 'b', size: 2 }] }, old)).toEqual([
      'spec.list[0]: Invalid value: "object": shrinks',
    ])
  })

  it('tells what goes wrong when a rule is evaluated, and goes on', () => {
    expect(
      check(specWith({ l: texts }, { rule: 'self.l[3] == "a"' }, { rule: 'false', message: 'no' }), {
        l: [],
      }),
    ).toEqual([
      expect.stringContaining('spec: Invalid value: "object": rule evaluation error: '),
      'spec: Invalid value: "object": no',
    ])
  })

  it.each<[string, Record<string, SchemaProps>, RegExp]>([
    ['self.nope == 1', { a: integer }, /compilation failed: .*nope/],
    ['self.a', { a: integer }, /must be a bool and is a int/],
    ['self.a == "x"', { a: integer }, /compilation failed/],
    ['self.a >', { a: integer }, /compilation failed/],
    ['cel.bind(x, self.a, x > 1)', { a: integer }, /cel\.bind\(\) is not there/],
    ['tick__()', { a: integer }, /may not name tick__/],
    [`${'('.repeat(200)}true${')'.repeat(200)}`, {}, /compilation failed/],
  ])('says at the definition why %s is no rule', (rule, properties, expected) => {
    const { problems } = new SchemaRules(specWith(properties, { rule }))
    expect(problems).toHaveLength(1)
    expect(problems[0]?.path).toBe('.properties[spec].x-kubernetes-validations[0].rule')
    expect(problems[0]?.detail).toMatch(expected)
  })

  it('refuses oldSelf where no old value could be found', () => {
    const items = { ...text, 'x-kubernetes-validations': [{ rule: 'self == oldSelf' }] }
    const { problems } = new SchemaRules(specWith({ l: { type: 'array', items } }))
    expect(problems[0]?.detail).toBe('oldSelf cannot be used on the uncorrelatable portion of the schema')
  })

  it('takes no more rules and types than can be compiled soon', () => {
    const many = Array.from({ length: 501 }, (_, index) => ({ rule: `self.a > ${index}` }))
    expect(new SchemaRules(specWith({ a: integer }, ...many)).problems).toEqual([
      { path: '', value: 501, detail: 'must have at most 500 rules' },
    ])
    const nested = Object.fromEntries(
      Array.from({ length: 1_100 }, (_, index) => [`p${index}`, { type: 'object', properties: { q: text } }]),
    )
    const all = Object.keys(nested).map(name => `has(self.${name}.q)`)
    const rules = Array.from({ length: 11 }, (_, part) => ({
      rule: all.slice(part * 100, part * 100 + 100).join('||'),
    }))
    expect(new SchemaRules(specWith(nested, ...rules)).problems).toEqual([
      { path: '', value: '', detail: 'has rules about too many different objects' },
    ])
    expect(new SchemaRules(specWith(nested, { rule: 'has(self.p7.q)' })).problems).toEqual([])
  })

  it('ends what would take too long, however it is nested', () => {
    const list = Array.from({ length: 400 }, (_, index) => String(index))
    const tenth = `[${Array.from({ length: 100 }, (_, index) => index).join(',')}]`
    for (const rule of [
      'self.l.all(a, self.l.all(b, self.l.all(c, self.l.all(d, a + b + c + d != "x"))))',
      'self.l.map(a, self.l.map(b, self.l.map(c, self.l.map(d, a)))).size() > 0',
      'self.l.filter(a, self.l.exists(b, self.l.filter(c, self.l.exists(d, false)).size() > 1)).size() == 9',
      `${tenth}.all(a, ${tenth}.all(b, ${tenth}.all(c, ${tenth}.all(d, a + b + c + d >= 0))))`,
      // One turn each, over what grew in the ones before.
      `[self.l.map(a, self.l)].all(a, [a + a + a + a].all(b, [b + b + b + b].all(c, ${'[c + c + c + c].all(c, '.repeat(6)}c == c)))))))))`,
      `[self.l.map(a, self.l)].all(a, [[a, a, a, a, a, a, a, a, a, a]].all(b, [[b, b, b, b, b, b, b, b, b, b]].all(c, ${'c == c && '.repeat(300)}true)))`,
    ])
      expect(check(specWith({ l: texts }, { rule }), { l: list })).toEqual([
        expect.stringContaining('running out of cost budget'),
      ])
    // An exponential time in JavaScript's expressions, a linear one in RE2's.
    const evil = specWith({ a: text }, { rule: 'self.a.matches("^(a+)+$")', message: 'no' })
    expect(check(evil, { a: `${'a'.repeat(5_000)}!` })).toEqual(['spec: Invalid value: "object": no'])
  }, 20_000)
})
