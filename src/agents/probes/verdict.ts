import type { Probe } from '../../kube/index.ts'

/** Where a probe stands after the answers so far. */
export interface Verdict {
  readonly healthy: boolean
  /** Answers in a row of the kind that `streakOk` names. */
  readonly streak: number
  readonly streakOk: boolean
}

/** Liveness starts out healthy, readiness and startup do not. */
export function firstVerdict(healthy: boolean): Verdict {
  return { healthy, streak: 0, streakOk: healthy }
}

/** The verdict after one more answer: it turns when enough answers in a row say so. */
export function nextVerdict(before: Verdict, ok: boolean, probe: Probe): Verdict {
  const streak = before.streakOk === ok ? before.streak + 1 : 1
  const threshold = ok ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3)
  return { healthy: streak >= threshold ? ok : before.healthy, streak, streakOk: ok }
}
