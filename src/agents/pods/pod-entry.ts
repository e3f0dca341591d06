import type { MountedVolume } from '../volumes/index.ts'
import type { AssignedPod } from './assigned-pod.ts'
import type { CarryOutMeans } from './means.ts'
import { graceMsOf } from './step.ts'
import { type ContainerNotes, NO_NOTES, type PodFailure, type PodView } from './view.ts'

/** kubelet gives every container so long to stop, whatever the grace period says (`minimumGracePeriodInSeconds`). */
export const MIN_GRACE_MS = 2000

/** A container's stop under way. */
interface Stop {
  readonly killAt: number
  /** Leaves the rest to a hastened stop, or to the next agent. */
  readonly abort: AbortController
}

/** What the agent remembers of one pod. Only the pod loop changes it. */
export class PodEntry {
  readonly uid: string
  pod: AssignedPod
  gone = false
  failure: PodFailure | undefined
  killAt: number | undefined
  /** When it was evicted by this agent, and whether what it took has been removed since. */
  evictedAt: number | undefined
  isEmptied = false
  /** Absent until they are mounted by this agent. */
  volumes: ReadonlyMap<string, MountedVolume> | undefined
  podRetryAt = 0
  /** Failures in a row by unit, for its back-off. */
  readonly failures: Map<string, number> = new Map()
  readonly notes: Map<string, ContainerNotes> = new Map()
  /** Units at work, each with the way to cut its waiting short. */
  readonly busy: Map<string, AbortController> = new Map()
  /** By container id. */
  readonly stopping: Map<string, Stop> = new Map()
  readonly lastWords: Map<string, string> = new Map()
  /** Ended containers whose last words are being read. */
  readonly listening: Set<string> = new Set()
  /** Containers that the prober follows. */
  readonly probed: Set<string> = new Set()
  /** Ended containers whose waiting for a restart was told of. */
  readonly announced: Set<string> = new Set()
  /** The last of the updates of volume files, which follow one another. */
  refreshing: Promise<void> = Promise.resolve()

  constructor(pod: AssignedPod) {
    this.uid = pod.metadata.uid
    this.pod = pod
  }

  note(container: string): ContainerNotes {
    return this.notes.get(container) ?? NO_NOTES
  }

  setNote(container: string, change: Partial<ContainerNotes>): void {
    this.notes.set(container, { ...this.note(container), ...change })
  }

  countFailure(unit: string): number {
    const failures = (this.failures.get(unit) ?? 0) + 1
    this.failures.set(unit, failures)
    return failures
  }

  /** The pod is to end: sets when its containers are killed, never later than before, and cuts short what it waits for. */
  end(graceMs: number, now: number): void {
    const killAt = now + Math.max(MIN_GRACE_MS, graceMs)
    this.killAt = Math.min(this.killAt ?? killAt, killAt)
    for (const abort of this.busy.values()) abort.abort()
  }

  /** Takes over a newer object. Returns false when what is known is as new. */
  accept(pod: AssignedPod, now: number): boolean {
    if (version(pod) < version(this.pod)) return false
    const before = this.pod.metadata.deletionGracePeriodSeconds
    this.pod = pod
    const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata
    if (
      deletionTimestamp !== undefined &&
      (this.killAt === undefined || deletionGracePeriodSeconds !== before)
    )
      this.end(graceMsOf(pod), now)
    return true
  }

  /** Everything that the next step depends on. `isPublished` is asked when a step hangs on it: only the last of a deleted pod does. */
  view(
    { observed, host }: Pick<CarryOutMeans, 'observed' | 'host'>,
    now: number,
    isPublished: (view: PodView) => boolean,
  ): PodView {
    const { sandboxes, containers } = observed.pod(this.uid)
    const isDeleted = this.pod.metadata.deletionTimestamp !== undefined
    return {
      pod: this.pod,
      gone: this.gone,
      sandboxes,
      containers,
      notes: this.notes,
      busy: new Set(this.busy.keys()),
      stopping: new Map([...this.stopping].map(([id, { killAt }]) => [id, killAt])),
      volumesMounted: this.volumes !== undefined,
      home: host.home,
      podRetryAt: this.podRetryAt,
      failure: this.failure,
      killAt: this.killAt,
      lastWords: this.lastWords,
      get published() {
        return isDeleted && isPublished(this)
      },
      now,
    }
  }
}

/** Bowline's resource versions are the store's revisions: whole numbers that grow. */
function version({ metadata }: AssignedPod): number {
  return Number(metadata.resourceVersion ?? 0)
}
