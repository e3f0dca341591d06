import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  differenceOf,
  type FieldSet,
  fieldNode,
  intersectionOf,
  NO_FIELDS,
  pathsOf,
  sameFields,
  unionOf,
} from '../../../src/kinds/apply/field-set.ts'
import { formatFieldsV1, parseFieldsV1 } from '../../../src/kinds/apply/fields-v1.ts'
import { declaredFields } from '../../../src/kinds/apply/object-fields.ts'
import { definition } from '../../../src/kinds/schema/schema.ts'

const element = fc.oneof(
  fc.string().map(name => `f:${name}`),
  fc.constantFrom('k:{"name":"a"}', 'k:{"containerPort":80,"protocol":"TCP"}', 'v:"x"', 'v:1', 'i:0'),
)

const leaf = fc.constant<FieldSet>(fieldNode(true, new Map()))

/** A node of at most `depth` levels below it, never an empty one. */
function node(depth: number): fc.Arbitrary<FieldSet> {
  if (depth === 0) return leaf
  const parts = fc.tuple(fc.boolean(), fc.dictionary(element, node(depth - 1), { maxKeys: 3 }))
  return parts.map(([member, children]) => {
    const entries = Object.entries(children)
    return fieldNode(member || entries.length === 0, new Map(entries))
  })
}

const fieldSet: fc.Arbitrary<FieldSet> = fc
  .dictionary(element, node(3), { maxKeys: 4 })
  .map(children => fieldNode(false, new Map(Object.entries(children))))

describe('parseFieldsV1() and formatFieldsV1()', () => {
  it('are each other’s inverse', () => {
    fc.assert(
      fc.property(fieldSet, set => {
        expect(sameFields(parseFieldsV1(JSON.parse(JSON.stringify(formatFieldsV1(set)))), set)).toBe(true)
      }),
    )
  })

  it('read what apiserver writes', () => {
    const fields = parseFieldsV1({
      'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
      'f:spec': { 'f:containers': { 'k:{"protocol":"TCP","containerPort":80}': { '.': {}, 'f:name': {} } } },
      'f:finalizers': { 'v:"x/a"': {} },
    })
    expect(pathsOf(fields)).toEqual([
      '.finalizers[="x/a"]',
      '.metadata.labels',
      '.metadata.labels.app',
      '.spec.containers[containerPort=80,protocol="TCP"]',
      '.spec.containers[containerPort=80,protocol="TCP"].name',
    ])
  })

  it.each([
    null,
    'text',
    [],
    1,
    { nonsense: {} },
    { 'k:{': {} },
    { 'k:[]': {} },
    { 'v:': {} },
    { 'i:x': {} },
  ])('parseFieldsV1() makes nothing of %j', fields => {
    expect(parseFieldsV1(fields)).toBe(NO_FIELDS)
  })
})

describe('FieldSet', () => {
  it('unionOf(), intersectionOf() and differenceOf() agree', () => {
    fc.assert(
      fc.property(fieldSet, fieldSet, (a, b) => {
        const paths = (set: FieldSet): readonly string[] => [...new Set(pathsOf(set))].sort()
        const inA = new Set(pathsOf(a))
        const inB = new Set(pathsOf(b))
        expect(paths(unionOf(a, b))).toEqual([...new Set([...inA, ...inB])].sort())
        expect(paths(intersectionOf(a, b))).toEqual([...inA].filter(path => inB.has(path)).sort())
        expect(paths(differenceOf(a, b))).toEqual([...inA].filter(path => !inB.has(path)).sort())
      }),
    )
  })

  it('operations give back the same set where they change nothing', () => {
    fc.assert(
      fc.property(fieldSet, a => {
        const copy = parseFieldsV1(JSON.parse(JSON.stringify(formatFieldsV1(a))))
        expect(unionOf(a, copy)).toBe(a)
        expect(differenceOf(a, NO_FIELDS)).toBe(a)
        expect(differenceOf(a, copy)).toBe(NO_FIELDS)
      }),
    )
  })
})

describe('declaredFields()', () => {
  it('names plain values, keyed items and atomic parts', () => {
    const fields = declaredFields(definition('io.k8s.api.apps.v1.Deployment'), {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels: { app: 'web' }, finalizers: ['x/a'] },
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: {
          spec: {
            containers: [{ name: 'web', args: ['a'], ports: [{ containerPort: 80 }] }],
            volumes: [{ name: 'tmp', emptyDir: {} }],
            nodeSelector: { disk: 'ssd' },
            tolerations: [{ key: 'a' }],
          },
        },
      },
    })
    expect(formatFieldsV1(fields)).toEqual({
      'f:apiVersion': {},
      'f:kind': {},
      'f:metadata': { 'f:name': {}, 'f:labels': { 'f:app': {} }, 'f:finalizers': { 'v:"x/a"': {} } },
      'f:spec': {
        'f:selector': {},
        'f:template': {
          'f:spec': {
            'f:containers': {
              'k:{"name":"web"}': {
                '.': {},
                'f:name': {},
                'f:args': {},
                'f:ports': {
                  'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
                },
              },
            },
            'f:volumes': { 'k:{"name":"tmp"}': { '.': {}, 'f:name': {}, 'f:emptyDir': {} } },
            'f:nodeSelector': {},
            'f:tolerations': {},
          },
        },
      },
    })
  })

  it('refuses items that cannot be told apart', () => {
    const schema = definition('io.k8s.api.core.v1.PodSpec')
    expect(() => declaredFields(schema, { containers: [{ name: 'a' }, { name: 'a' }] })).toThrow(
      'failed to create typed patch object: .containers: duplicate entries for key [name="a"]',
    )
    expect(() => declaredFields(schema, { containers: [{ image: 'a' }] })).toThrow(
      '.containers: element 0: associative list with keys has an element that omits key field "name"',
    )
  })
})
