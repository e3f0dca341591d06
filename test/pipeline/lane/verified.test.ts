import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type KeyValueStore, LayeredMap, silentLogger, systemClock } from '../../../src/base/index.ts'
import { openLmdbStore } from '../../../src/cluster/index.ts'
import { type KubeObject, type ObjectRef, refKey, refOf } from '../../../src/kube/index.ts'
import { Inventory } from '../../../src/pipeline/inventory.ts'
import type { PlanParts } from '../../../src/pipeline/lane/plan-target.ts'
import { unverifiedBy, type VerifiedParts, verifiedEntries } from '../../../src/pipeline/lane/verified.ts'
import type { AppTarget, DesiredObject } from '../../../src/pipeline/source/app-target.ts'

const NAMES = ['a', 'b', 'c'] as const

describe('unverifiedBy()', () => {
  let folder: string
  let store: KeyValueStore
  let live: Map<string, KubeObject>

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bowline-verified-'))
    store = await openLmdbStore({ path: folder, clock: systemClock, log: silentLogger })
    live = new Map(
      NAMES.map(name => [keyOf(name), configMap(name, '1', { resourceVersion: '7', uid: name })]),
    )
  })

  afterEach(async () => {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })

  /** What a start finds: an inventory that was read anew. */
  async function parts(version = '1'): Promise<VerifiedParts & PlanParts> {
    const lookup = {
      get: (ref: ObjectRef) => live.get(refKey(ref)),
      versionOf: (ref: ObjectRef) => live.get(refKey(ref))?.metadata.resourceVersion,
      pods: () => [],
    }
    const ownership = { foreignOwner: () => undefined, isShared: () => false }
    const inventory = await Inventory.load(store)
    return { live: lookup, inventory, ownership, version } as unknown as VerifiedParts & PlanParts
  }

  /** Everything is owned, and what is as declared is noted. */
  async function note(target: AppTarget): Promise<void> {
    const before = await parts()
    const owned = [...target.desired.values()].map(({ ref, source }) => ({
      app: 'shop',
      ref,
      source,
      commit: 'c',
    }))
    await before.inventory.put(owned)
    await before.inventory.put(verifiedEntries(target, [...target.desired.keys()], before))
  }

  it('names everything until it was found equal, and nothing after that', async () => {
    const target = targetOf(NAMES)
    expect([...unverifiedBy(target, await parts())]).toEqual(NAMES.map(keyOf))
    await note(target)
    expect([...unverifiedBy(target, await parts())]).toEqual([])
  })

  it('looks at no live object of a version that it knows', async () => {
    const target = targetOf(NAMES)
    await note(target)
    const known = await parts()
    const unmade = {
      versionOf: (ref: ObjectRef) => known.live.versionOf(ref),
      get: (): KubeObject => {
        throw new Error('nobody needs it')
      },
    }
    expect([...unverifiedBy(target, { ...known, live: unmade as unknown as PlanParts['live'] })]).toEqual([])
  })

  it('does not name what only its status was written of since', async () => {
    const made = { uid: 'a', generation: 1 }
    live.set(keyOf('a'), configMap('a', '1', { ...made, resourceVersion: '7' }))
    await note(targetOf(['a']))
    live.set(keyOf('a'), configMap('a', '1', { ...made, resourceVersion: '8' }))
    expect([...unverifiedBy(targetOf(['a']), await parts())]).toEqual([])
    live.set(keyOf('a'), configMap('a', '1', { ...made, generation: 2, resourceVersion: '9' }))
    expect([...unverifiedBy(targetOf(['a']), await parts())]).toEqual([keyOf('a')])
  })

  it('makes no object of what is known', async () => {
    await note(targetOf(NAMES))
    const unread = [...targetOf(NAMES).desired].map(([key, { ref, blob, source }]) => {
      const desired: DesiredObject = {
        ...{ ref, blob, source },
        get object(): KubeObject {
          throw new Error('nobody needs it')
        },
      }
      return [key, desired] as const
    })
    expect([...unverifiedBy({ ...targetOf(NAMES), desired: LayeredMap.of(unread) }, await parts())]).toEqual(
      [],
    )
  })

  it('names what is not as declared, however often it is looked at', async () => {
    live.set(keyOf('b'), configMap('b', 'edited', { resourceVersion: '8', uid: 'b' }))
    live.delete(keyOf('c'))
    await note(targetOf(NAMES))
    expect([...unverifiedBy(targetOf(NAMES), await parts())]).toEqual([keyOf('b'), keyOf('c')])
  })

  it('names what has changed, was deleted or is being deleted since', async () => {
    await note(targetOf(NAMES))
    live.set(keyOf('a'), configMap('a', '1', { resourceVersion: '9', uid: 'a' }))
    live.delete(keyOf('c'))
    expect([...unverifiedBy(targetOf(NAMES), await parts())]).toEqual([keyOf('a'), keyOf('c')])
  })

  it('names what is declared otherwise, elsewhere, or no longer', async () => {
    await note(targetOf(NAMES))
    const target = targetOf(['a', 'b'])
    const [a, b] = [...target.desired.values()] as [DesiredObject, DesiredObject]
    const desired = LayeredMap.of<string, DesiredObject>([
      [keyOf('a'), { ...a, blob: 'another' }],
      [keyOf('b'), { ...b, source: { ...b.source, file: 'moved.yaml' } }],
    ])
    const found = unverifiedBy({ ...target, desired }, await parts())
    expect([...found].sort()).toEqual(NAMES.map(keyOf))
  })

  it('names everything to a program of another version', async () => {
    await note(targetOf(NAMES))
    expect([...unverifiedBy(targetOf(NAMES), await parts('2'))]).toEqual(NAMES.map(keyOf))
  })

  it('forgets when the object is put into the inventory anew', async () => {
    const target = targetOf(NAMES)
    await note(target)
    const { inventory } = await parts()
    const { ref, source } = target.desired.get(keyOf('b')) as DesiredObject
    await inventory.put([{ app: 'shop', ref, source, commit: 'd' }])
    expect([...unverifiedBy(target, await parts())]).toEqual([keyOf('b')])
  })
})

function configMap(name: string, value: string, metadata: object = {}): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'shop', ...metadata },
    data: { key: value },
  } as KubeObject
}

function keyOf(name: string): string {
  return refKey(refOf(configMap(name, '')))
}

function targetOf(names: readonly string[]): AppTarget {
  const ada = { name: 'Ada', email: 'ada@example.org', time: '2026-01-01T00:00:00Z' }
  const desired = names.map(name => {
    const object = configMap(name, '1')
    const source = { file: `${name}.yaml`, line: 1, column: 1 }
    return [keyOf(name), { object, ref: refOf(object), blob: `blob-${name}`, source }] as const
  })
  return {
    app: 'shop',
    commit: { id: 'c', subject: 'c', message: 'c', author: ada, committer: ada },
    trigger: 'start',
    skipped: [],
    isGone: false,
    desired: LayeredMap.of<string, DesiredObject>(desired),
    diagnostics: [],
    allowDelete: 0,
    isClaimedElsewhere: () => false,
  }
}
