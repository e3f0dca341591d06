import type { ContainerStatus, SandboxStatus } from '../runtime/index.ts'
import type { AssignedPod } from './assigned-pod.ts'

/**
 * Everything that a pod's next step and its status depend on, at one instant. The loop fills it; `nextStep` and
 * `podStatus` are pure functions of it. All times are milliseconds since the epoch.
 */
export interface PodView {
  /** The newest object from the API server; the last one seen when it is gone. */
  readonly pod: AssignedPod
  /** The API server no longer has the object. */
  readonly gone: boolean
  /** Every sandbox and container of the pod that the runtime has, whatever their state or attempt. */
  readonly sandboxes: readonly SandboxStatus[]
  readonly containers: readonly ContainerStatus[]
  /** By container name. */
  readonly notes: ReadonlyMap<string, ContainerNotes>
  /** Units at work: {@link POD_UNIT} or a container's name. A unit does one step at a time. */
  readonly busy: ReadonlySet<string>
  /** Containers being stopped, by id: when they will be killed. */
  readonly stopping: ReadonlyMap<string, number>
  readonly volumesMounted: boolean
  /** The folders that this agent's containers mount from, as one word. */
  readonly home: string
  /** Volumes and sandbox are not tried again before this. */
  readonly podRetryAt: number
  /** Why the pod as a whole failed; its containers are stopped and never start again. */
  readonly failure: PodFailure | undefined
  /** When the containers of a pod that ends are killed; undefined while it lives. */
  readonly killAt: number | undefined
  /** What containers left behind as their last words, by container id. */
  readonly lastWords: ReadonlyMap<string, string>
  /** The API server has the status that this view gives. */
  readonly published: boolean
  readonly now: number
}

/** The unit of steps that concern the whole pod: volumes, sandbox, removal. No container can have this name. */
export const POD_UNIT = ''

export interface PodFailure {
  readonly reason: string
  readonly message: string
}

/** The reason of a pod that had to go because the host ran short of something. */
export const EVICTED = 'Evicted'

/** What the agent remembers about one container of a pod, beyond what the runtime shows. */
export interface ContainerNotes {
  /** The newest attempt that this agent made. */
  readonly attempt: number | undefined
  /** Starts since the restart back-off was last reset, and when the newest of them was. */
  readonly starts: number
  readonly startedAt: number
  /** The attempt for which the image is known to be at hand. */
  readonly imageFor: number | undefined
  /** Nothing is tried before this. */
  readonly retryAt: number
  /** Why it waits, where that is not plain from the runtime. */
  readonly waiting: { readonly reason: string; readonly message: string } | undefined
  /** The created container that the engine could not start, when, and why. */
  readonly startFailure: { readonly id: string; readonly at: number; readonly message: string } | undefined
  /** The running container that a probe condemned. */
  readonly condemned: Condemned | undefined
  /** What the probes say of the container with this id; absent until they have been asked. */
  readonly health: { readonly id: string; readonly started: boolean; readonly ready: boolean } | undefined
}

interface Condemned {
  readonly id: string
  /** The text of the Killing event. */
  readonly message: string
  /** The probe's own grace period, if it has one. */
  readonly graceMs: number | undefined
}

/** The notes of a container of which nothing is known yet. */
export const NO_NOTES: ContainerNotes = {
  attempt: undefined,
  starts: 0,
  startedAt: 0,
  imageFor: undefined,
  retryAt: 0,
  waiting: undefined,
  startFailure: undefined,
  condemned: undefined,
  health: undefined,
}
