import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ChainHead, verifyChain } from '../../src/audit/index.ts'
import { deepCopy, isObject } from '../../src/base/index.ts'
import type { RecordObject } from '../../src/kube/index.ts'
import { type LedgerWorld, opening, openLedgerWorld } from './ledger-world.ts'

describe('verifyChain()', () => {
  let world: LedgerWorld
  let records: readonly RecordObject[]
  let head: ChainHead

  beforeAll(async () => {
    world = await openLedgerWorld()
    records = await world.addRecords('shop', 4)
    head = (await world.ledger.heads())[0] as ChainHead
  })

  afterAll(() => world.close())

  it('finds nothing wrong with a chain, whatever the order of its records and what the API adds to them', () => {
    const served = records.map(record => ({
      ...record,
      metadata: { ...record.metadata, resourceVersion: '17' },
    }))
    const report = verifyChain('shop', served.toReversed(), head)
    expect(report).toEqual({ app: 'shop', records: 4, open: false, hash: head.hash, faults: [] })
    expect(verifyChain('shop', [], null).faults).toEqual([])
  })

  it('finds any change of any value of any closed record, also without the head', () => {
    const leaves = records.flatMap((record, index) => leavesOf(record).map(path => ({ index, path })))
    expect(leaves.length).toBeGreaterThan(100)
    for (const { index, path } of leaves) {
      const tampered = deepCopy(records) as RecordObject[]
      changeLeaf(tampered[index], path)
      // Opened again, the newest record looks like one under way: only the head tells.
      const isReopened = index === records.length - 1 && path.join('.') === 'status.state'
      expect(verifyChain('shop', tampered, isReopened ? head : null).faults, path.join('.')).not.toEqual([])
    }
  })

  it('finds any record or field that was added, removed, doubled or moved', () => {
    const edit = fc.constantFrom('remove', 'double', 'swap', 'add-field', 'remove-hash')
    fc.assert(
      fc.property(edit, fc.nat(records.length - 1), fc.string(), (kind, index, text) => {
        const tampered = deepCopy(records) as RecordObject[]
        const record = tampered[index] as unknown as Record<string, Record<string, unknown>>
        if (kind === 'remove') tampered.splice(index, 1)
        else if (kind === 'double') tampered.push(deepCopy(tampered[index] as RecordObject))
        else if (kind === 'swap') swapSequences(tampered, index, (index + 1) % records.length)
        else if (kind === 'add-field') (record.spec as Record<string, unknown>)[`x${text}`] = text
        else delete record.status?.hash
        expect(verifyChain('shop', tampered, head).faults).not.toEqual([])
      }),
    )
  })

  it('finds records cut off at the end by the head of the chain', () => {
    for (const kept of [0, 1, 3]) {
      const { faults } = verifyChain('shop', records.slice(0, kept), head)
      expect(faults).toEqual([
        { record: 'shop-000004', message: 'is missing: the chain was cut off at its end' },
      ])
    }
  })

  it('finds a chain that was written anew from its beginning', async () => {
    const other = await openLedgerWorld()
    const forged = await other.addRecords('shop', 4)
    await other.close()
    expect(verifyChain('shop', forged, null).faults).toEqual([])
    expect(verifyChain('shop', forged, head).faults[0]?.message).toBe(
      'is not the record that the chain ended with',
    )
  })

  it('accepts records that were added after the head was read, and an open one at the end alone', async () => {
    const open = await world.ledger.open(opening('shop'))
    const [now] = await world.ledger.heads()
    const all = [...records, open]
    expect(verifyChain('shop', all, head)).toMatchObject({ open: true, faults: [] })
    expect(verifyChain('shop', all, now ?? null)).toMatchObject({ open: true, faults: [] })
    const [first, ...rest] = records
    const reopened = { ...first, status: { state: 'Open', changes: [], containers: [] } } as RecordObject
    expect(verifyChain('shop', [reopened, ...rest], null).faults.map(({ message }) => message)).toContain(
      'is open although newer records exist',
    )
  })
})

/** The paths of everything in a value that is neither an object nor a list, and of empty ones. */
function leavesOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  const members = Array.isArray(value) ? value.entries() : isObject(value) ? Object.entries(value) : []
  const found = [...members].flatMap(([key, member]) => leavesOf(member, [...path, String(key)]))
  return found.length === 0 ? [path] : found
}

function changeLeaf(root: unknown, path: readonly string[]): void {
  const parent = path.slice(0, -1).reduce((at, key) => (at as Record<string, unknown>)[key], root)
  const key = path.at(-1) as string
  const holder = parent as Record<string, unknown>
  const value = holder[key]
  holder[key] = key === 'state' ? 'Open' : typeof value === 'number' ? value + 1 : `${value}x`
}

function swapSequences(records: RecordObject[], a: number, b: number): void {
  const [left, right] = [records[a], records[b]] as unknown as { spec: { sequence: number } }[]
  if (left === undefined || right === undefined) return
  const { sequence } = left.spec
  left.spec.sequence = right.spec.sequence
  right.spec.sequence = sequence
}
