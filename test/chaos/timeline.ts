import type { SeededRandom } from './random.ts'

export type Action = 'push' | 'kill server' | 'kill agents' | 'kill one agent' | 'kill engine'

/** What happens in a round, and when. */
export interface Moment {
  /** Since the beginning of the round. */
  readonly atMs: number
  readonly action: Action
}

/** From the first commit to the last kill: as long as a few roll-outs take. */
const ROUND_MS = 5_000

/** Three commits and three kills at random instants; the server dies at least once, and a commit comes first. */
export function timelineOf(random: SeededRandom): readonly Moment[] {
  const kills: [Action, ...Action[]] = ['kill server', 'kill agents', 'kill one agent', 'kill engine']
  const moments: Moment[] = [
    { atMs: 0, action: 'push' },
    ...(['push', 'push', 'kill server'] as const).map(action => ({
      atMs: random.between(200, ROUND_MS),
      action,
    })),
    ...[1, 2].map(() => ({ atMs: random.between(200, ROUND_MS), action: random.pick(kills) })),
  ]
  return moments.sort((a, b) => a.atMs - b.atMs)
}
