import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isEmptyPlan } from '../../src/diff/index.ts'
import { type KubeObject, refKey, refOf } from '../../src/kube/index.ts'
import { configMap, deployment, namespace, secret, World } from './world.ts'

const name = fc.constantFrom('a', 'b', 'c')
const text = fc.constantFrom('', '1', '2', 'three')
const data = fc.dictionary(fc.constantFrom('x', 'y', 'z.conf', '__proto__'), text, { maxKeys: 3 })
const container = fc.record(
  {
    args: fc.array(text, { maxLength: 2 }),
    env: fc.uniqueArray(fc.record({ name: fc.constantFrom('A', 'B', 'C'), value: text }), {
      selector: ({ name }) => name,
    }),
    ports: fc.uniqueArray(
      fc.record(
        { containerPort: fc.integer({ min: 1, max: 3 }), protocol: fc.constantFrom('TCP', 'UDP') },
        { requiredKeys: ['containerPort'] },
      ),
      { selector: ({ containerPort, protocol = 'TCP' }) => `${containerPort}/${protocol}`, maxLength: 3 },
    ),
    resources: fc.record(
      { limits: fc.record({ cpu: fc.constantFrom<string | number>('1', '1000m', 1, '250m') }) },
      { requiredKeys: [] },
    ),
    volumeMounts: fc.constantFrom([], [{ name: 'tmp', mountPath: '/tmp' }]),
  },
  { requiredKeys: [] },
)
const spec = fc.record(
  {
    replicas: fc.integer({ min: 0, max: 3 }),
    strategy: fc.constantFrom<object>(
      { type: 'Recreate' },
      { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } },
      {},
    ),
    paused: fc.boolean(),
    minReadySeconds: fc.constantFrom(0, 5),
  },
  { requiredKeys: [] },
)
const object: fc.Arbitrary<KubeObject> = fc.oneof(
  fc.tuple(name, data).map(([name, data]) => configMap(name, data)),
  fc.tuple(name, fc.dictionary(name, text)).map(([name, stringData]) => secret(name, { stringData })),
  fc.tuple(name, fc.dictionary(name, fc.base64String())).map(([name, data]) => secret(name, { data })),
  name.map(namespace),
  fc
    .tuple(name, text, spec, container)
    .map(([name, image, spec, container]) => deployment(name, image, spec, container)),
)
const objects = fc.uniqueArray(object, { maxLength: 8, selector: object => refKey(refOf(object)) })

/** Anything that may have happened before: two revisions applied in turn, with edits by hand after each. */
const history = fc.tuple(objects, objects, objects, objects)

function lived([first, edits, second, more]: readonly (readonly KubeObject[])[]): World {
  const world = new World().declare(...(first ?? []))
  world.apply(world.plan())
  for (const edit of edits ?? []) world.write(edit)
  world.declare(...(second ?? []))
  world.apply(world.plan())
  for (const edit of more ?? []) world.write(edit)
  return world
}

describe('assemblePlan() for any history', () => {
  it('gives the same plan twice, and whatever the order of its input', () => {
    fc.assert(
      fc.property(history, objects, fc.infiniteStream(fc.nat()), (past, desired, random) => {
        const world = lived(past).declare(...desired)
        const plan = world.plan()
        expect(world.plan()).toEqual(plan)
        const shuffled = <T>(items: readonly T[]): readonly T[] =>
          items
            .map(item => ({ item, rank: random.next().value as number }))
            .sort((a, b) => a.rank - b.rank)
            .map(({ item }) => item)
        expect(
          world.plan({ desired: shuffled(world.desired), inventory: shuffled([...world.owned.values()]) }),
        ).toEqual(plan)
      }),
    )
  })

  it('is empty once the plan before is carried out', () => {
    fc.assert(
      fc.property(history, objects, (past, desired) => {
        const world = lived(past).declare(...desired)
        world.apply(world.plan())
        const next = world.plan()
        expect(next.changes.filter(({ action }) => action !== 'keep')).toEqual([])
        expect(isEmptyPlan(next)).toBe(true)
        expect(next.hold).toBeUndefined()
      }),
    )
  })

  it('deletes nothing but what Git owned, and configures nothing without saying what', () => {
    fc.assert(
      fc.property(history, objects, (past, desired) => {
        const world = lived(past).declare(...desired)
        const declared = new Set(desired.map(object => refKey(refOf(object))))
        for (const { action, ref, fields } of world.plan().changes) {
          if (action === 'delete') {
            expect(world.owned.has(refKey(ref))).toBe(true)
            expect(declared.has(refKey(ref))).toBe(false)
          }
          expect(fields.length > 0).toBe(action === 'configure')
        }
      }),
    )
  })

  it('is made of the plans of its parts', () => {
    fc.assert(
      fc.property(history, objects, (past, desired) => {
        const world = lived(past).declare(...desired)
        const whole = world.plan()
        for (const change of whole.changes)
          expect(world.plan({ candidates: [change.ref] }).changes).toEqual([change])
      }),
    )
  })
})
