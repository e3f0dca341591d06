import { describe, expect, it } from 'vitest'
import {
  type FileSystem,
  findBreaches,
  PressureTracker,
  type Signals,
} from '../../../../src/agents/node/pressure/signals.ts'

const GI = 2 ** 30
const MI = 2 ** 20

function disk(capacityGi: number, availableGi: number, inodesFree = 1000): FileSystem {
  return { availableBytes: availableGi * GI, capacityBytes: capacityGi * GI, inodesFree, inodes: 1000 }
}

const roomy: Signals = { memoryAvailableBytes: GI, nodefs: disk(10, 5), imagefs: disk(10, 5) }

describe('findBreaches()', () => {
  it.each([
    ['nothing is short', {}, []],
    ['memory at its threshold is enough', { memoryAvailableBytes: 100 * MI }, []],
    ['memory below it is not', { memoryAvailableBytes: 100 * MI - 1 }, ['memory.available']],
    ['a tenth of the disk is enough', { nodefs: disk(10, 1) }, []],
    ['less is not', { nodefs: disk(10, 0.99) }, ['nodefs.available']],
    ['images need 15 %', { imagefs: disk(10, 1.49) }, ['imagefs.available']],
    ['a large disk with 5 GiB has enough', { nodefs: disk(1000, 5), imagefs: disk(1000, 5) }, []],
    [
      'and with less it has not',
      { nodefs: disk(1000, 4.9), imagefs: disk(1000, 4.9) },
      ['imagefs.available', 'nodefs.available'],
    ],
    ['a twentieth of the inodes is needed', { nodefs: disk(10, 5, 49) }, ['nodefs.inodesFree']],
    [
      'a file system that counts no inodes has enough of them',
      { nodefs: { ...disk(10, 5), inodes: 0, inodesFree: 0 } },
      [],
    ],
    [
      'memory comes first',
      { memoryAvailableBytes: 0, nodefs: disk(10, 0) },
      ['memory.available', 'nodefs.available'],
    ],
  ] as const)('findBreaches(): %s', (_, change, expected) => {
    expect(findBreaches({ ...roomy, ...change }).map(({ signal }) => signal)).toEqual(expected)
  })
})

describe('PressureTracker', () => {
  it('PressureTracker keeps a pressure for five minutes after its threshold was last crossed', () => {
    const tracker = new PressureTracker()
    const short = findBreaches({ ...roomy, memoryAvailableBytes: 0 })
    expect(tracker.has('MemoryPressure', 0)).toBe(false)
    tracker.observe(short, 1_000)
    tracker.observe([], 2_000)
    expect(tracker.has('MemoryPressure', 300_999)).toBe(true)
    expect(tracker.has('DiskPressure', 2_000)).toBe(false)
    expect(tracker.has('MemoryPressure', 301_000)).toBe(false)
  })

  it('PressureTracker is not kept for ever by a clock that is set back', () => {
    const tracker = new PressureTracker()
    tracker.observe(findBreaches({ ...roomy, memoryAvailableBytes: 0 }), 3_600_000)
    expect(tracker.has('MemoryPressure', 0)).toBe(false)
  })
})
