import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LayeredMap } from '../../src/base/index.ts'
import { Inventory, type InventoryEntry } from '../../src/pipeline/inventory.ts'
import { type LedgerWorld, openLedgerWorld } from '../audit/ledger-world.ts'

describe('Inventory', () => {
  let world: LedgerWorld
  let inventory: Inventory

  beforeEach(async () => {
    world = await openLedgerWorld()
    inventory = await Inventory.load(world.store)
  })

  afterEach(() => world.close())

  it('put() and remove() last across a restart', async () => {
    await inventory.put([entry('shop', 'a'), entry('shop', 'b'), entry('blog', 'c')])
    await inventory.remove('shop', ['/ConfigMap/default/a', '/ConfigMap/default/missing'])
    const loaded = await Inventory.load(world.store)
    for (const one of [inventory, loaded]) {
      expect([...one.entriesOf('shop').values()]).toEqual([entry('shop', 'b')])
      expect([...one.entriesOf('blog').values()]).toEqual([entry('blog', 'c')])
      expect(one.ownerOf(entry('x', 'b').ref)?.app).toBe('shop')
      expect(one.ownerOf(entry('x', 'a').ref)).toBeUndefined()
      expect([...one.kinds()].map(({ kind }) => kind)).toEqual(['ConfigMap'])
    }
  })

  it('put() takes an object over from the app that owned it', async () => {
    await inventory.put([entry('blog', 'a')])
    await inventory.put([entry('shop', 'a')])
    // The one who had it cannot take it away any more.
    await inventory.remove('blog', ['/ConfigMap/default/a'])
    const loaded = await Inventory.load(world.store)
    for (const one of [inventory, loaded]) {
      expect(one.entriesOf('blog').size).toBe(0)
      expect(one.entriesOf('shop').size).toBe(1)
      expect(one.ownerOf(entry('x', 'a').ref)?.app).toBe('shop')
    }
  })

  it('undeclared() is what is owned and not declared, whatever came between two questions', async () => {
    const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
    const step = fc.oneof(
      fc.record({ do: fc.constant('own' as const), name }),
      fc.record({ do: fc.constant('leave' as const), name }),
      fc.record({ do: fc.constant('declare' as const), name }),
      fc.record({ do: fc.constant('undeclare' as const), name }),
      fc.record({ do: fc.constant('rewrite' as const), name }),
      fc.record({ do: fc.constant('ask' as const), name }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        await inventory.remove('shop', [...inventory.entriesOf('shop').keys()])
        let declared = LayeredMap.of<string, string>([])
        for (const { do: action, name } of [...steps, { do: 'ask', name: '' }]) {
          const one = entry('shop', name)
          const key = `/ConfigMap/default/${name}`
          if (action === 'own') await inventory.put([one])
          if (action === 'leave') await inventory.remove('shop', [key])
          if (action === 'declare') declared = declared.with([[key, name]])
          if (action === 'undeclare') declared = declared.with([], [key])
          if (action === 'rewrite') declared = LayeredMap.of(declared)
          if (action !== 'ask') continue
          const owned = [...inventory.entriesOf('shop').keys()]
          const found = inventory.undeclared('shop', declared)
          expect([...found.keys()].sort()).toEqual(owned.filter(key => !declared.has(key)).sort())
        }
      }),
      { numRuns: 50 },
    )
  })

  it('put() writes thousands of entries in bounded transactions', async () => {
    const before = world.store.revision
    await inventory.put(Array.from({ length: 1_201 }, (_, index) => entry('shop', `c${index}`)))
    expect(world.store.revision - before).toBe(7)
    expect((await Inventory.load(world.store)).entriesOf('shop').size).toBe(1_201)
  })
})

function entry(app: string, name: string): InventoryEntry {
  return {
    app,
    ref: { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name },
    source: { file: 'config.yaml', line: 1, column: 1 },
    commit: 'a'.repeat(40),
  }
}
