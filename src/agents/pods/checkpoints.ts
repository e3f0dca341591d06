import { createHash } from 'node:crypto'
import type { ContainerStatus, Pod, PodStatus } from '../../kube/index.ts'
import type { KeptLog } from '../kept/kept-log.ts'
import { type AssignedPod, isAssigned } from './assigned-pod.ts'

/**
 * The pods of this node on disk, so that an agent that starts while the server is away (after a power cut, say) starts its pods
 * again. Best effort: what cannot be kept is tried again and told of, and nothing more.
 */
export class Checkpoints {
  readonly #log: KeptLog
  readonly #loaded: Promise<ReadonlyMap<string, unknown>>

  constructor(log: KeptLog) {
    this.#log = log
    this.#loaded = log.load()
  }

  /** Everything that an earlier agent kept. */
  async load(): Promise<readonly AssignedPod[]> {
    return [...(await this.#loaded).values()].map(pod => pod as Pod).filter(isAssigned)
  }

  /** Keeps a pod, if what matters of it has changed. */
  save(pod: AssignedPod): void {
    const kept = essence(pod)
    const version = createHash('sha256').update(JSON.stringify(kept)).digest('base64url')
    this.#log.set(pod.metadata.uid, version, kept)
  }

  remove(uid: string): void {
    this.#log.remove(uid)
  }

  /** Forgets all but these: pods that were removed while no agent ran. */
  keepOnly(uids: ReadonlySet<string>): void {
    this.#log.keepOnly(uid => uids.has(uid))
  }

  /** Writes what waits, and nothing any more. */
  close(): Promise<void> {
    return this.#log.close()
  }
}

/** Without the server's bookkeeping: whatever the server says later is newer. */
function essence({ apiVersion, kind, metadata, spec, status }: AssignedPod): Pod {
  const { resourceVersion: _, managedFields: __, ...kept } = metadata
  const known = statusEssence(status ?? {})
  return {
    apiVersion,
    kind,
    metadata: kept,
    spec,
    ...(Object.keys(known).length === 0 ? {} : { status: known }),
  }
}

/**
 * Of the status what the next agent cannot see in the runtime: that the pod is over and why, since when it runs, and which
 * containers were started and ready, so that nothing that serves is called unready only because the agent is new.
 */
function statusEssence(status: PodStatus): PodStatus {
  const { phase, reason, message, startTime, initContainerStatuses, containerStatuses } = status
  const isOver = phase === 'Succeeded' || phase === 'Failed'
  return {
    ...(isOver ? { phase } : {}),
    ...(isOver && reason ? { reason } : {}),
    ...(isOver && message ? { message } : {}),
    ...(startTime === undefined ? {} : { startTime }),
    ...(initContainerStatuses === undefined
      ? {}
      : { initContainerStatuses: initContainerStatuses.map(containerEssence) }),
    ...(containerStatuses === undefined
      ? {}
      : { containerStatuses: containerStatuses.map(containerEssence) }),
  }
}

function containerEssence(status: ContainerStatus): ContainerStatus {
  const { name, containerID, image, imageID, ready, started, restartCount } = status
  return {
    ...{ name, image, imageID, ready, restartCount },
    ...(containerID === undefined ? {} : { containerID }),
    ...(started === undefined ? {} : { started }),
  }
}
