import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LayeredMap } from '../../../src/base/index.ts'
import { countActions, type Plan } from '../../../src/diff/index.ts'
import { type KubeObject, refKey, refOf } from '../../../src/kube/index.ts'
import {
  changedBetween,
  compareAhead,
  entriesFor,
  type PlanParts,
  planTarget,
} from '../../../src/pipeline/lane/plan-target.ts'
import type { ForeignOwner } from '../../../src/pipeline/ownership.ts'
import type { AppTarget, DesiredObject } from '../../../src/pipeline/source/app-target.ts'

/** Per object: its value, or undefined when it is not declared. */
function declarationOf(count: number): fc.Arbitrary<(string | undefined)[]> {
  const value = fc.option(fc.constantFrom('one', 'two'), { nil: undefined })
  return fc.array(value, { minLength: count, maxLength: count })
}

const declaration = declarationOf(12)

describe('planTarget()', () => {
  it('comes to the same with the keys of what changed as with everything, when everything was as it was declared', () => {
    fc.assert(
      fc.property(declaration, declaration, (first, second) => {
        const before = target(first, undefined)
        const parts = settledAt(before)
        const after = target(second, before)
        const whole = planTarget(after, parts)
        const keys = changedBetween(before, after, parts)
        const narrow = planTarget(after, parts, keys)
        expect(changesOf(narrow)).toEqual(changesOf(whole))
        expect(narrow.hold).toEqual(whole.hold)
        expect(countActions(narrow)).toEqual(countActions(whole))
        expect(entriesFor(after, narrow, parts, keys)).toEqual(entriesFor(after, whole, parts))
      }),
    )
  })

  it('comes to the same when everything was compared ahead, whatever has changed since', async () => {
    await fc.assert(
      fc.asyncProperty(declarationOf(50), declarationOf(50), async (first, second) => {
        const before = target(first, undefined)
        const after = target(second, before)
        const parts = settledAt(before)
        await compareAhead(after, parts, [keyOf(99), ...after.desired.keys()])
        const anew = planTarget(target(second, undefined), parts)
        const plan = planTarget(after, parts)
        expect([plan.changes, plan.hold]).toEqual([anew.changes, anew.hold])
        expect(planTarget(after, settledAt(after)).changes.every(({ action }) => action === 'keep')).toBe(
          true,
        )
      }),
      { numRuns: 30 },
    )
  })

  it('leaves what apps of other repositories have to them, with keys and without', () => {
    fc.assert(
      fc.property(declaration, fc.uniqueArray(fc.integer({ min: 0, max: 11 })), (values, others) => {
        const foreign = new Set(others.map(keyOf))
        const wanted = target(values, undefined)
        const parts = {
          ...settledAt(target([], undefined)),
          ownership: {
            foreignOwner: (key: string) => (foreign.has(key) ? ({} as ForeignOwner) : undefined),
            isShared: () => false,
          },
        }
        const keys = [...wanted.desired.keys()]
        const free = keys.filter(key => !foreign.has(key)).sort()
        for (const plan of [planTarget(wanted, parts), planTarget(wanted, parts, keys)]) {
          expect(plan.changes.map(({ ref }) => refKey(ref)).sort()).toEqual(free)
          expect([...entriesFor(wanted, plan, parts, keys).keys()].sort()).toEqual(free)
        }
      }),
    )
  })

  it('names only what it was asked about', () => {
    const before = target(['one', 'one', 'one'], undefined)
    const plan = planTarget(before, settledAt(before), [keyOf(0), keyOf(7)])
    expect(plan.changes.map(({ ref }) => ref.name)).toEqual(['config-0'])
    expect(countActions(plan)).toEqual({ create: 0, configure: 0, delete: 0, keep: 3 })
  })
})

function changesOf({ changes }: Plan): readonly unknown[] {
  return changes.filter(({ action }) => action !== 'keep')
}

function configMap(index: number, value: string): KubeObject {
  const metadata = { name: `config-${index}`, namespace: 'shop', uid: `uid-${index}` }
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { key: value } } as KubeObject
}

function keyOf(index: number): string {
  return refKey(refOf(configMap(index, '')))
}

/** What is declared as before is the same object, as the loader hands it over. */
function target(values: readonly (string | undefined)[], before: AppTarget | undefined): AppTarget {
  const desired = new Map<string, DesiredObject>()
  for (const [index, value] of values.entries()) {
    if (value === undefined) continue
    const key = keyOf(index)
    const known = before?.desired.get(key)
    const isSame = (known?.object as { data?: { key?: string } } | undefined)?.data?.key === value
    const source = { file: 'config.yaml', line: index + 1, column: 1 }
    const object = configMap(index, value)
    desired.set(
      key,
      isSame && known !== undefined ? known : { object, ref: refOf(object), blob: value, source },
    )
  }
  const ada = { name: 'Ada', email: 'ada@example.org', time: '2026-01-01T00:00:00Z' }
  const id = before === undefined ? 'before' : 'after'
  return {
    app: 'shop',
    commit: { id, subject: id, message: id, author: ada, committer: ada },
    trigger: 'push',
    skipped: [],
    isGone: false,
    desired: LayeredMap.of(desired),
    diagnostics: [],
    allowDelete: 0,
    isClaimedElsewhere: () => false,
  }
}

/** A cluster and an inventory that hold exactly what a target says. */
function settledAt({ desired, commit }: AppTarget): PlanParts {
  const entries = [...desired].map(([key, { object, source }]) => {
    return [key, { app: 'shop', ref: refOf(object), source, commit: commit.id }] as const
  })
  const get = ({ name }: { name: string }): KubeObject | undefined =>
    [...desired.values()].find(({ object }) => object.metadata.name === name)?.object
  return {
    live: {
      get,
      versionOf: (ref: { name: string }) => get(ref) && '1',
      pods: () => [],
      ownsClaims: () => false,
    },
    ownership: { foreignOwner: () => undefined, isShared: () => false },
    inventory: {
      entriesOf: () => new Map(entries),
      undeclared: (_: string, declared: ReadonlyMap<string, unknown>) =>
        new Map(entries.flatMap(([key, { ref }]) => (declared.has(key) ? [] : [[key, ref] as const]))),
    },
  } as unknown as PlanParts
}
