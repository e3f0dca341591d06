import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  applyDefaults,
  findTypeProblems,
  findUnknownFields,
  prepareForCreate,
  prepareForUpdate,
  resolveSchema,
  type Schema,
  schemaFor,
  tableRow,
  validateObject,
} from '../../../src/kinds/index.ts'
import { allKinds, type Kind, type KubeObject } from '../../../src/kube/index.ts'

const text = fc.oneof(
  fc.string({ maxLength: 6 }),
  fc.constantFrom('', 'a', 'web', 'Always', 'In', 'app:1', 'a/b', '/x', '..', '__proto__'),
)

/** Values of the schema's types with anything missing: what decodes, but may be wrong in every other way. */
function valuesOf(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const { type, format, enum: words, items, properties, additionalProperties } = resolveSchema(schema)
  if (format === 'quantity') return fc.constantFrom('1', '100m', '1Gi', '-1', 2)
  if (format === 'int-or-string')
    return fc.oneof(fc.integer({ min: -1, max: 9 }), fc.constantFrom('25%', '0%', 'x'))
  if (words !== undefined) return fc.oneof(fc.constantFrom(...words), text)
  switch (type) {
    case 'array':
      return fc.array(valuesOf(items ?? {}, depth - 1), { maxLength: depth > 0 ? 2 : 0 })
    case 'boolean':
      return fc.boolean()
    case 'integer':
    case 'number':
      return fc.integer({ min: -2, max: 70_000 })
    case 'object':
      if (depth <= 0) return fc.constant({})
      if (properties === undefined)
        return fc.dictionary(text, valuesOf(additionalProperties ?? {}, depth - 1), { maxKeys: 2 })
      return objectsOf(properties, depth)
    case 'string':
      if (format === 'byte') return fc.constantFrom('', 'YQ==')
      if (format === 'date-time' || format === 'micro-time') return fc.constant('2025-01-01T00:00:00Z')
      return text
    default:
      return fc.jsonValue({ maxDepth: 1 })
  }
}

function objectsOf(properties: { readonly [name: string]: Schema }, depth: number): fc.Arbitrary<unknown> {
  const fields = Object.entries(properties)
  // A few of the fields at a time: with all of them an object would be enormous.
  return fc.uniqueArray(fc.nat({ max: fields.length - 1 }), { maxLength: 6 }).chain(chosen =>
    fc.record(
      Object.fromEntries(
        chosen.map(index => {
          const [name, property] = fields[index] as [string, Schema]
          return [name, valuesOf(property, depth - 1)]
        }),
      ),
    ),
  )
}

function objectsOfKind(kind: Kind): fc.Arbitrary<KubeObject> {
  const { properties = {} } = schemaFor(kind)
  const fields = Object.entries(properties).filter(([name]) => name !== 'apiVersion' && name !== 'kind')
  return fc.record(Object.fromEntries(fields.map(([name, property]) => [name, valuesOf(property, 9)])), {
    requiredKeys: ['metadata'],
  }) as unknown as fc.Arbitrary<KubeObject>
}

describe.each(allKinds.map(kind => [kind.kind, kind] as const))('any object of kind %s', (_, kind) => {
  it('is defaulted, validated and prepared without an error, and defaults are stable', () => {
    fc.assert(
      fc.property(objectsOfKind(kind), objectsOfKind(kind), (object, other) => {
        expect(findTypeProblems(kind, object)).toEqual([])
        const once = applyDefaults(kind, object)
        expect(applyDefaults(kind, once)).toEqual(once)
        expect(findUnknownFields(kind, once)).toEqual([])
        const old = prepareForCreate(kind, once)
        const next = prepareForUpdate(kind, applyDefaults(kind, other), old, '')
        const problems = validateObject(kind, old)
        // Only what is valid is ever stored, and compared with or shown.
        const isStored = problems.length === 0
        if (isStored) tableRow(kind, old, 0)
        for (const problem of [...problems, ...validateObject(kind, next, isStored ? old : undefined)])
          expect(problem.message).toContain(problem.type)
      }),
      { numRuns: 60 },
    )
  })

  it('may be any JSON at all and is judged without an error', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), value => {
        findTypeProblems(kind, value)
        findUnknownFields(kind, value)
      }),
    )
  })
})
