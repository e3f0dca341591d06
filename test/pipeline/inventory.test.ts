import { afterEach, beforeEach, describe, expect, it } from 'vitest'
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

  it('put() writes thousands of entries in bounded transactions', async () => {
    const before = world.store.revision
    await inventory.put(Array.from({ length: 1_201 }, (_, index) => entry('shop', `c${index}`)))
    expect(world.store.revision - before).toBe(3)
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
