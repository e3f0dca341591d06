import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Ledger } from '../../src/audit/index.ts'
import { hasCode, systemClock, systemIds } from '../../src/base/index.ts'
import { Kinds, registryKey } from '../../src/kube/index.ts'
import { closing, type LedgerWorld, opening, openLedgerWorld } from './ledger-world.ts'

describe('Ledger', () => {
  let world: LedgerWorld

  beforeEach(async () => {
    world = await openLedgerWorld()
  })

  afterEach(() => world.close())

  it('open() writes the record durably under the key by which the API serves it, without what stays as it is', async () => {
    const record = await world.ledger.open(opening('shop'))
    const stored = await world.store.get(registryKey(Kinds.Record, undefined, 'shop-000001'))
    expect(JSON.parse(Buffer.from(stored?.value ?? []).toString())).toEqual(record)
    expect(record.spec.plan.changes).toHaveLength(1)
    expect(record.spec.plan.counts).toEqual({ create: 0, configure: 1, delete: 0, keep: 1 })
    expect(record.status).toEqual({ state: 'Open', changes: [], containers: [] })
  })

  it('open() refuses a second open record of an app, and does not mind other apps', async () => {
    await world.ledger.open(opening('shop'))
    await expect(world.ledger.open(opening('shop'))).rejects.toThrow('shop-000001 is open')
    await world.ledger.open(opening('blog'))
    expect((await world.ledger.findOpen()).map(({ metadata }) => metadata.name).sort()).toEqual([
      'blog-000001',
      'shop-000001',
    ])
  })

  it('open() by two writers at once lets only one of them extend the chain', async () => {
    await world.addRecords('shop', 2)
    const other = new Ledger({ store: world.store, clock: systemClock, ids: systemIds })
    const results = await Promise.allSettled(
      [world.ledger, other, world.ledger, other].map(ledger => ledger.open(opening('shop'))),
    )
    const refused = results.flatMap(result => (result.status === 'rejected' ? [result.reason] : []))
    expect(refused).toHaveLength(3)
    for (const reason of refused) expect(hasCode(reason, 'conflict')).toBe(true)
    expect((await world.ledger.last('shop'))?.spec.sequence).toBe(3)
  })

  it('note() keeps what has happened so far, for whoever finds the record after a crash', async () => {
    const record = await world.ledger.open(opening('shop'))
    const { changes, containers } = closing
    await world.ledger.note(record, { changes, containers })
    const [found] = await new Ledger({ store: world.store, clock: systemClock, ids: systemIds }).findOpen()
    expect(found?.status).toEqual({ state: 'Open', changes, containers })
  })

  it('note() and close() leave a closed record as it is', async () => {
    const record = await world.ledger.open(opening('shop'))
    const closed = await world.ledger.close(record, closing)
    const { changes, containers } = closing
    await expect(world.ledger.note(record, { changes, containers })).rejects.toThrow('not the open record')
    await expect(world.ledger.close(record, { ...closing, state: 'Failed' })).rejects.toThrow(
      'not the open record',
    )
    expect(await world.ledger.last('shop')).toEqual(closed)
  })

  it('close() continues the chain from the hash before', async () => {
    const [first, second] = await world.addRecords('shop', 2)
    expect(first?.spec.previousHash).toBe('0'.repeat(64))
    expect(second?.spec.previousHash).toBe(first?.status?.hash)
    expect(await world.ledger.heads()).toEqual([
      { app: 'shop', sequence: 2, hash: second?.status?.hash, open: false },
    ])
  })
})
