import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, deepFreeze, isObject } from '../../../src/base/index.ts'
import { serverSideApply } from '../../../src/kinds/apply/server-side-apply.ts'
import { trackUpdate } from '../../../src/kinds/apply/track-update.ts'
import { equalValues } from '../../../src/kinds/equality.ts'
import type { Schema } from '../../../src/kinds/schema/schema.ts'
import type { KubeObject } from '../../../src/kube/object.ts'

/** One of each kind of field that merging tells apart. */
const schema: Schema = {
  type: 'object',
  properties: {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: {
      type: 'object',
      properties: {
        name: { type: 'string' },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        finalizers: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      },
    },
    spec: {
      type: 'object',
      properties: {
        replicas: { type: 'integer' },
        cpu: { format: 'quantity' },
        selector: {
          type: 'object',
          'x-kubernetes-map-type': 'atomic',
          additionalProperties: { type: 'string' },
        },
        args: { type: 'array', items: { type: 'string' } },
        strategy: { type: 'object', properties: { type: { type: 'string' }, surge: { type: 'integer' } } },
        empty: { type: 'object', properties: {} },
        ports: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['port', 'protocol'],
          items: {
            type: 'object',
            properties: {
              port: { type: 'integer' },
              protocol: { type: 'string', default: 'TCP' },
              name: { type: 'string' },
              env: { type: 'object', additionalProperties: { type: 'string' } },
            },
          },
        },
      },
    },
    extra: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  },
}

const text = fc.constantFrom('a', 'b', 'c')
const map = fc.dictionary(fc.constantFrom('x', 'y', 'z', '__proto__'), text, { maxKeys: 3 })
const port = fc.record(
  { port: fc.integer({ min: 1, max: 4 }), protocol: fc.constantFrom('TCP', 'UDP'), name: text, env: map },
  { requiredKeys: ['port'] },
)
const ports = fc.uniqueArray(port, {
  maxLength: 4,
  selector: ({ port, protocol = 'TCP' }) => `${port}/${protocol}`,
})
const spec = fc.record(
  {
    replicas: fc.integer({ min: 0, max: 3 }),
    cpu: fc.constantFrom<string | number>('1', '1000m', 1, '2'),
    selector: map,
    args: fc.array(text, { maxLength: 3 }),
    strategy: fc.record({ type: text, surge: fc.integer({ min: 0, max: 2 }) }, { requiredKeys: [] }),
    empty: fc.constant({}),
    ports,
  },
  { requiredKeys: [] },
)
const declared: fc.Arbitrary<KubeObject> = fc
  .record(
    {
      labels: map,
      finalizers: fc.uniqueArray(text, { maxLength: 3 }),
      spec,
      extra: fc.dictionary(text, fc.oneof(text, fc.array(text), fc.record({ deep: text })), { maxKeys: 2 }),
    },
    { requiredKeys: [] },
  )
  .map(({ labels, finalizers, ...rest }) => ({
    apiVersion: 'test/v1',
    kind: 'Thing',
    metadata: { name: 'thing', ...(labels ? { labels } : {}), ...(finalizers ? { finalizers } : {}) },
    ...rest,
  }))
  .map(object => deepFreeze(object as KubeObject))

describe('serverSideApply() for any declaration', () => {
  it('changes nothing when it is done again, by one manager or after others', () => {
    fc.assert(
      fc.property(fc.array(declared, { minLength: 1, maxLength: 4 }), declarations => {
        let live: KubeObject | undefined
        for (const [index, applied] of declarations.entries())
          live = apply(live, applied, `m${index % 2}`, index)
        const last = declarations.length - 1
        expect(apply(live, declarations[last] as KubeObject, `m${last % 2}`, 59)).toBe(live)
      }),
    )
  })

  it('never conflicts between managers whose declarations agree', () => {
    fc.assert(
      fc.property(declared, applied => {
        const live = apply(undefined, applied, 'a', 1)
        const result = serverSideApply({ schema, live, applied, manager: 'b', force: false, nowIso: at(2) })
        expect(result.conflicts).toEqual([])
        expect(withoutAccount(result.object)).toEqual(withoutAccount(live))
      }),
    )
  })

  it('never conflicts between managers whose declarations have nothing in common', () => {
    fc.assert(
      fc.property(declared, spec, (other, ofSpec) => {
        const { spec: _, ...withoutSpec } = other as KubeObject & { spec?: unknown }
        const live = apply(undefined, withoutSpec, 'a', 1)
        const applied = deepFreeze({ ...thing(), spec: ofSpec })
        const result = serverSideApply({ schema, live, applied, manager: 'b', force: false, nowIso: at(2) })
        expect(result.conflicts).toEqual([])
        expect(withoutAccount(apply(result.object, thing(), 'b', 3))).toEqual(withoutAccount(live))
      }),
    )
  })

  it('takes away everything that its only manager stops declaring', () => {
    fc.assert(
      fc.property(declared, declared, (first, second) => {
        const changed = apply(apply(undefined, first, 'a', 1), second, 'a', 2)
        const fresh = apply(undefined, second, 'a', 2)
        expect(equalValues(schema, essence(changed), essence(fresh))).toBe(true)
        expect(changed.metadata.managedFields?.[0]?.fieldsV1).toEqual(
          fresh.metadata.managedFields?.[0]?.fieldsV1,
        )
      }),
    )
  })

  it('always ends with what was declared when forced', () => {
    fc.assert(
      fc.property(declared, declared, (theirs, mine) => {
        const live = trackUpdate({ schema, before: undefined, after: theirs, manager: 'them', nowIso: at(1) })
        const { object, conflicts } = serverSideApply({
          schema,
          live: deepFreeze(live),
          applied: mine,
          manager: 'me',
          force: true,
          nowIso: at(2),
        })
        expect(conflicts).toEqual([])
        expect(apply(deepFreeze(object), mine, 'me', 3)).toBe(object)
      }),
    )
  })
})

describe('trackUpdate() for any write', () => {
  it('gives every field to exactly the last who changed it', () => {
    fc.assert(
      fc.property(declared, declared, (first, second) => {
        const one = trackUpdate({ schema, before: undefined, after: first, manager: 'a', nowIso: at(1) })
        const two = trackUpdate({ schema, before: one, after: second, manager: 'b', nowIso: at(2) })
        const again = trackUpdate({ schema, before: two, after: two, manager: 'c', nowIso: at(3) })
        expect(again).toBe(two)
        const managers = new Set(two.metadata.managedFields?.map(entry => entry.manager))
        expect(managers.has('c')).toBe(false)
      }),
    )
  })
})

function apply(
  live: KubeObject | undefined,
  applied: KubeObject,
  manager: string,
  second: number,
): KubeObject {
  const { object, conflicts } = serverSideApply({
    schema,
    live,
    applied,
    manager,
    force: true,
    nowIso: at(second),
  })
  expect(conflicts).toEqual([])
  return deepFreeze(object)
}

function thing(): KubeObject {
  return { apiVersion: 'test/v1', kind: 'Thing', metadata: { name: 'thing' } }
}

function at(second: number): string {
  return `2024-01-01T00:00:${String(second).padStart(2, '0')}Z`
}

function withoutAccount(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

/** The order of keyed lists, and a struct left empty, may tell what was there before; the rest may not. */
function essence(object: KubeObject): KubeObject {
  const { spec, metadata: all, ...rest } = object as KubeObject & { spec?: { ports?: readonly unknown[] } }
  const { managedFields: _, ...metadata } = all
  const ports = [...(spec?.ports ?? [])].sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1))
  const finalizers = [...(metadata.finalizers ?? [])].sort()
  const sorted = { ...rest, metadata: { ...metadata, finalizers }, spec: spec && { ...spec, ports } }
  return withoutEmpty(sorted) as KubeObject
}

function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value))
    return value.length === 0 ? undefined : value.map(item => withoutEmpty(item) ?? null)
  if (!isObject(value)) return value
  const members = Object.entries(value).flatMap(([key, member]) => {
    const content = withoutEmpty(member)
    return content === undefined ? [] : [[key, content] as const]
  })
  return members.length === 0 ? undefined : Object.fromEntries(members)
}
