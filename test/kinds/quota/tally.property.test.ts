import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { quotaTerms, Tally, type Usage, usageOf } from '../../../src/kinds/index.ts'
import {
  addQuantities,
  formatQuantity,
  formatTime,
  type KubeObject,
  parseQuantity,
  type Quantity,
  type ResourceQuota,
} from '../../../src/kube/index.ts'

const START_MS = Date.parse('2026-01-01T00:00:00Z')
const NAMES = [
  'count/pods',
  'cpu',
  'limits.memory',
  'pods',
  'requests.cpu',
  'requests.example.com/gpu',
  'requests.memory',
]

type Scope = 'BestEffort' | 'NotTerminating' | undefined

function quotaOf(scope: Scope): ResourceQuota {
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q', namespace: 'shop' },
    spec: {
      hard: Object.fromEntries(NAMES.map(name => [name, '10'])),
      ...(scope === undefined ? {} : { scopes: [scope] }),
    },
  }
}

const amounts = fc.record(
  {
    cpu: fc.constantFrom('100m', '1', '250m'),
    memory: fc.constantFrom('1Gi', '512Mi', '100M'),
    'example.com/gpu': fc.constantFrom('1', '2'),
  },
  { requiredKeys: [] },
)

const pods = fc.record({
  requests: amounts,
  limits: amounts,
  phase: fc.constantFrom('Pending', 'Running', 'Succeeded', 'Failed'),
  /** Seconds after the start; undefined: it is not being deleted. */
  deletedAfter: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
  grace: fc.integer({ min: 0, max: 30 }),
  deadline: fc.option(fc.integer({ min: 1, max: 100 }), { nil: undefined }),
})

const steps = fc.array(
  fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    /** What the pod is now; undefined: it is gone. */
    pod: fc.option(pods, { nil: undefined, freq: 4 }),
    passes: fc.integer({ min: 0, max: 20 }),
  }),
  { maxLength: 40 },
)

function podOf({
  requests,
  limits,
  phase,
  deletedAfter,
  grace,
  deadline,
}: typeof pods extends fc.Arbitrary<infer T> ? T : never): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...(deletedAfter === undefined
        ? {}
        : {
            deletionTimestamp: formatTime(START_MS + deletedAfter * 1000),
            deletionGracePeriodSeconds: grace,
          }),
    },
    spec: {
      containers: [{ name: 'main', resources: { requests, limits } }],
      ...(deadline === undefined ? {} : { activeDeadlineSeconds: deadline }),
    },
    status: { phase },
  } as KubeObject
}

/** From nothing but the objects that are there. */
function counted(scope: Scope, objects: Iterable<KubeObject>, nowMs: number): Record<string, string> {
  const total = new Map<string, Quantity>(NAMES.map(name => [name, parseQuantity('0')]))
  for (const object of objects) {
    const { spec } = object as { spec?: { activeDeadlineSeconds?: number; containers?: unknown } }
    const text = JSON.stringify(spec?.containers)
    if (scope === 'NotTerminating' && spec?.activeDeadlineSeconds !== undefined) continue
    if (scope === 'BestEffort' && /"(?:cpu|memory)"/.test(text)) continue
    for (const [name, amount] of usageOf('pods', object, nowMs)) {
      const before = total.get(name)
      if (before !== undefined) total.set(name, addQuantities(before, amount))
    }
  }
  return exact(total)
}

/** Amounts alone: how a sum of several ways of writing is written is not a matter of its order. */
function exact(usage: Usage): Record<string, string> {
  return Object.fromEntries(
    [...usage].map(([name, { nano }]) => [name, formatQuantity({ nano, format: 'DecimalSI' })]),
  )
}

describe('Tally', () => {
  it('is what counting anew finds, after any changes and at any time', () => {
    fc.assert(
      fc.property(
        steps,
        fc.constantFrom<Scope>(undefined, 'BestEffort', 'NotTerminating'),
        (changes, scope) => {
          const tally = new Tally(quotaTerms(quotaOf(scope)), 'pods')
          const objects = new Map<string, KubeObject>()
          let now = START_MS
          for (const { key, pod, passes } of changes) {
            now += passes * 1000
            const object = pod === undefined ? undefined : podOf(pod)
            const before = exact(tally.used(now))
            const next = tally.nextChangeMs
            const changed = tally.set(key, object, now)
            if (object === undefined) objects.delete(key)
            else objects.set(key, object)
            expect(exact(tally.used(now))).toEqual(counted(scope, objects.values(), now))
            if (!changed) {
              expect(exact(tally.used(now))).toEqual(before)
              expect(tally.nextChangeMs ?? Infinity).toBeGreaterThanOrEqual(next ?? Infinity)
            }
            // Time alone changes nothing before it said so.
            if (next !== undefined) expect(next).toBeGreaterThan(now)
            // Told again, it counts nothing twice.
            expect(tally.set(key, object, now)).toBe(false)
          }
          now += 200_000
          expect(exact(tally.used(now))).toEqual(counted(scope, objects.values(), now))
          expect(tally.nextChangeMs).toBe(undefined)
          for (const key of objects.keys()) tally.set(key, undefined, now)
          expect(exact(tally.used(now))).toEqual(counted(scope, [], now))
        },
      ),
      { numRuns: 200 },
    )
  })

  it('writes a sum as its parts are written, whatever came and went', () => {
    const tally = new Tally(quotaTerms(quotaOf(undefined)), 'pods')
    const memory = (text: string): KubeObject =>
      ({
        metadata: {},
        spec: { containers: [{ name: 'main', resources: { requests: { memory: text } } }] },
      }) as unknown as KubeObject
    const used = (): string => formatQuantity(tally.used(START_MS).get('requests.memory')!)
    expect(used()).toBe('0')
    tally.set('a', memory('100M'), START_MS)
    expect(used()).toBe('100M')
    tally.set('b', memory('1Gi'), START_MS)
    expect(used()).toBe('1173741824')
    tally.set('a', undefined, START_MS)
    expect(used()).toBe('1Gi')
  })
})
