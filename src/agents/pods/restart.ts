import { type BackoffOptions, backoffMs } from '../../base/index.ts'
import type { ContainerNotes } from './view.ts'

/** kubelet: 10 s, doubled by every restart up to 300 s (`MaxContainerBackOff`). */
const RESTART_BACKOFF: BackoffOptions = { initialMs: 10_000, maxMs: 300_000 }
/** A container that ran so long before it ended starts over with its back-off (twice the longest wait, as in client-go). */
const RESET_AFTER_MS = 600_000

export interface RestartDelay {
  /** When it may start again. */
  readonly at: number
  /** The wait from its end until then; 0: at once. */
  readonly delayMs: number
}

/**
 * When a container that ended at `endedAt` may start again. The first restart is immediate; each further one waits longer,
 * counted from the end of the run before it.
 */
export function restartDelay(notes: ContainerNotes, endedAt: number): RestartDelay {
  const delayMs = backoffMs(restartsOf(notes, endedAt), RESTART_BACKOFF)
  return { at: endedAt + delayMs, delayMs }
}

/** The notes after a restart at `now` of a container that ended at `endedAt`; undefined for a first start, which does not count. */
export function noteStart(notes: ContainerNotes, endedAt: number | undefined, now: number): ContainerNotes {
  const starts = endedAt === undefined ? 0 : restartsOf(notes, endedAt) + 1
  return { ...notes, starts, startedAt: now }
}

function restartsOf(notes: ContainerNotes, endedAt: number): number {
  return endedAt - notes.startedAt > RESET_AFTER_MS ? 0 : notes.starts
}
