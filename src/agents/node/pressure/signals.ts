/** How much is left of a file system. */
export interface FileSystem {
  readonly availableBytes: number
  readonly capacityBytes: number
  /** 0 of 0 where a file system does not count them. */
  readonly inodesFree: number
  readonly inodes: number
}

/** What eviction goes by, measured at one instant. */
export interface Signals {
  readonly memoryAvailableBytes: number
  /** Where the volumes of pods lie. */
  readonly nodefs: FileSystem
  /** Where the engine keeps images and containers; the same as `nodefs` on most hosts. */
  readonly imagefs: FileSystem
}

export type Signal =
  | 'memory.available'
  | 'nodefs.available'
  | 'nodefs.inodesFree'
  | 'imagefs.available'
  | 'imagefs.inodesFree'

/** A threshold that is crossed. */
export interface Breach {
  readonly signal: Signal
  /** What runs short, as upstream names it in messages. */
  readonly resource: 'memory' | 'ephemeral-storage' | 'inodes'
  /** Bytes or pieces. */
  readonly threshold: number
  readonly available: number
}

const MEMORY_BYTES = 100 * 2 ** 20
const NODEFS_SHARE = 0.1
const IMAGEFS_SHARE = 0.15
const INODES_SHARE = 0.05
/** On a large disk a tenth is no pressure while this much is free (upstream knows only shares). */
const ENOUGH_BYTES = 5 * 2 ** 30

/** The hard eviction thresholds of kubelet (`DefaultEvictionHard`) that are crossed, in the order in which they are worked off. */
export function findBreaches({ memoryAvailableBytes, nodefs, imagefs }: Signals): readonly Breach[] {
  const breaches: Breach[] = []
  const check = (signal: Signal, resource: Breach['resource'], available: number, threshold: number) => {
    if (available < threshold) breaches.push({ signal, resource, threshold, available })
  }
  check('memory.available', 'memory', memoryAvailableBytes, MEMORY_BYTES)
  const checkBytes = (signal: Signal, { availableBytes, capacityBytes }: FileSystem, share: number) =>
    check(signal, 'ephemeral-storage', availableBytes, Math.min(ENOUGH_BYTES, capacityBytes * share))
  checkBytes('imagefs.available', imagefs, IMAGEFS_SHARE)
  checkBytes('nodefs.available', nodefs, NODEFS_SHARE)
  check('imagefs.inodesFree', 'inodes', imagefs.inodesFree, imagefs.inodes * INODES_SHARE)
  check('nodefs.inodesFree', 'inodes', nodefs.inodesFree, nodefs.inodes * INODES_SHARE)
  return breaches
}

export type PressureType = 'MemoryPressure' | 'DiskPressure'

export function pressureOf({ resource }: Breach): PressureType {
  return resource === 'memory' ? 'MemoryPressure' : 'DiskPressure'
}

/** kubelet's `evictionPressureTransitionPeriod`: a condition that would come and go with every pod helps nobody. */
const TRANSITION_MS = 5 * 60_000

/** Which pressures a node is under: those of crossed thresholds, and for five minutes after. */
export class PressureTracker {
  readonly #seenAt = new Map<PressureType, number>()

  observe(breaches: readonly Breach[], now: number): void {
    for (const breach of breaches) this.#seenAt.set(pressureOf(breach), now)
  }

  /** A clock that was set back makes no pressure last longer. */
  has(type: PressureType, now: number): boolean {
    const seenAt = this.#seenAt.get(type)
    return seenAt !== undefined && Math.abs(now - seenAt) < TRANSITION_MS
  }
}
