import type { SeededRandom } from './random.ts'

export type Harm = 'cut off' | 'slow link' | 'no power' | 'agent killed' | 'engine killed' | 'server killed'

/** Something that happens to a host, or to the server's, and is undone after a while. */
export interface Blow {
  /** The number of the host; 0 is the server's. */
  readonly host: number
  readonly harm: Harm
  /** Since the beginning of the round. */
  readonly atMs: number
  readonly forMs: number
}

export interface BlowOptions {
  readonly hosts: number
  /** Whether a host may be cut off for so long that it counts as lost and its pods are replaced. */
  readonly mayBeLost: boolean
}

const SERVER_HARMS: readonly [Harm, ...Harm[]] = ['cut off', 'server killed', 'slow link']
const HOST_HARMS: readonly [Harm, ...Harm[]] = [
  'cut off',
  'cut off',
  'slow link',
  'no power',
  'agent killed',
  'engine killed',
]
/** Blows begin within so long of the first commit. */
const BEGIN_MS = 4_000
/** Beyond 50 s of silence, and the 5 s that pods bear it. */
const LOST_MS = [58_000, 75_000] as const

/** What happens in a round: two blows or three, all to different hosts, the server's among them; so each can be undone by itself. */
export function blowsOf(random: SeededRandom, { hosts, mayBeLost }: BlowOptions): readonly Blow[] {
  const left = Array.from({ length: hosts + 1 }, (_, host) => host)
  return Array.from({ length: random.between(2, 3) }, () => {
    const [host = 0] = left.splice(random.between(0, left.length - 1), 1)
    const harm = host === 0 ? random.pick([...SERVER_HARMS]) : random.pick([...HOST_HARMS])
    const isLong = random.next() < 0.3
    const atMs = random.between(100, BEGIN_MS)
    const forMs =
      mayBeLost && isLong && harm === 'cut off' ? random.between(...LOST_MS) : random.between(1_000, 7_000)
    return { host, harm, atMs, forMs }
  })
}

/** When commits are pushed: one at once, two at any time. */
export function pushesOf(random: SeededRandom): readonly number[] {
  return [0, random.between(200, 2 * BEGIN_MS), random.between(200, 2 * BEGIN_MS)].sort((a, b) => a - b)
}
