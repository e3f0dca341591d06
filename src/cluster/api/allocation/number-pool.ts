/** Consecutive numbers that are given out: addresses of a range, ports of nodes. */
export interface NumberPool {
  readonly first: number
  readonly count: number
  /** As many at the start are left to those who ask for one by number, until nothing else is free. */
  readonly reserved: number
}

/**
 * A free number for whoever `seed` names; undefined when all are taken. The same seed starts at the same place: who is made anew
 * gets the number that it had, when that is free, and those who remembered it find it there.
 */
export function pickNumber(
  { first, count, reserved }: NumberPool,
  seed: string,
  isTaken: (number: number) => boolean,
): number | undefined {
  const upper = count - reserved
  const start = upper > 0 ? hashOf(seed) % upper : 0
  for (let step = 0; step < upper; step += 1) {
    const number = first + reserved + ((start + step) % upper)
    if (!isTaken(number)) return number
  }
  // The highest first: people who choose by number start at the bottom.
  for (let number = first + reserved - 1; number >= first; number -= 1) if (!isTaken(number)) return number
  return undefined
}

/** kubernetes `ipallocator` and `portallocator`, `calculateRangeOffset`: a part of a pool, within bounds. */
export function reservedPart(
  size: number,
  { part, least, most }: { readonly part: number; readonly least: number; readonly most: number },
): number {
  if (size <= least) return 0
  return Math.min(Math.max(Math.floor(size / part), least), most)
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash >>> 0
}
