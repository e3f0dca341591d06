import { describe, expect, it } from 'vitest'
import { checkValue } from '../../../src/kinds/custom/check-value.ts'
import { mergeSchema } from '../../../src/kinds/custom/merge-schema.ts'
import { publishedSchema } from '../../../src/kinds/custom/published-schema.ts'
import type { SchemaProps } from '../../../src/kinds/custom/schema-props.ts'
import { Problems } from '../../../src/kinds/validation/problems.ts'

describe('properties of a definition that have the name of something inherited', () => {
  it.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])('%s is one like any other', name => {
    const parsed = (text: string): unknown => JSON.parse(text.replaceAll('NAME', name))
    const schema = parsed(`{"type": "object", "properties": {
      "NAME": {"type": "object", "properties": {"a": {"type": "string"}}},
      "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["NAME"],
        "items": {"type": "object", "properties": {"NAME": {"type": "string"}}}}
    }}`) as SchemaProps
    const problemsOf = (text: string): readonly string[] => {
      const problems = new Problems()
      checkValue(schema, parsed(text), '', problems)
      return problems.list.map(({ path }) => path)
    }
    expect(problemsOf('{"NAME": {"a": "x"}, "list": [{"NAME": "a"}, {"NAME": "b"}]}')).toEqual([])
    expect(problemsOf('{"NAME": {"a": 1}, "list": [{"NAME": "a"}, {"NAME": "a"}]}')).toEqual([
      `${name}.a`,
      'list[1]',
    ])
    const identity = { group: 'a.test', version: 'v1', kind: 'X' }
    for (const made of [mergeSchema(schema), publishedSchema(schema, identity)])
      expect(Object.keys((made as { properties: object }).properties)).toContain(name)
  })
})
