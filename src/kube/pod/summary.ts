import type { ContainerStateTerminated, ContainerStatus, Pod } from '../generated/types.ts'

/** A pod in four words, as `kubectl get pods` shows it. */
export interface PodSummary {
  /** Ready containers. */
  readonly ready: number
  readonly containers: number
  /** `Running`, `Pending`, `Init:0/2`, `CrashLoopBackOff`, `Completed`, `Terminating`, … */
  readonly status: string
  readonly restarts: number
  /** When a container last ended and was started again; milliseconds since the epoch. */
  readonly lastRestartAt: number | undefined
}

/**
 * Derives the status word from phase, reason and container states, after kubernetes `printPod`: what holds the pod up first is what
 * is shown; a pod that is being deleted is `Terminating` whatever else it does.
 */
export function summarizePod(pod: Pod): PodSummary {
  const { spec, status, metadata } = pod
  const phase = status?.phase ?? ''
  const gated = status?.conditions?.some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  )
  const init = summarizeInit(pod)
  let word = gated ? 'SchedulingGated' : status?.reason || phase
  let { ready, restarts, lastRestartAt } = init

  if (init.holdup !== undefined) word = init.holdup
  if (init.holdup === undefined || hasCondition(pod, 'Initialized')) {
    const main = summarizeMain(pod, word)
    word = main.word
    ready += main.ready
    restarts = init.sidecarRestarts + main.restarts
    lastRestartAt = latest(init.sidecarRestartAt, main.lastRestartAt)
  }
  if (metadata.deletionTimestamp !== undefined) {
    if (status?.reason === 'NodeLost') word = 'Unknown'
    else if (phase !== 'Succeeded' && phase !== 'Failed') word = 'Terminating'
  }
  const sidecars = spec?.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always') ?? []
  return {
    ready,
    containers: (spec?.containers.length ?? 0) + sidecars.length,
    status: word,
    restarts,
    lastRestartAt,
  }
}

interface InitSummary {
  /** Why initialization is not over; absent when it is. */
  readonly holdup: string | undefined
  readonly ready: number
  readonly restarts: number
  readonly lastRestartAt: number | undefined
  readonly sidecarRestarts: number
  readonly sidecarRestartAt: number | undefined
}

function summarizeInit({ spec, status }: Pod): InitSummary {
  const sidecars = new Set(
    spec?.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  )
  let holdup: string | undefined
  let ready = 0
  let restarts = 0
  let lastRestartAt: number | undefined
  let sidecarRestarts = 0
  let sidecarRestartAt: number | undefined
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    const isSidecar = sidecars.has(container.name)
    restarts += container.restartCount
    lastRestartAt = latest(lastRestartAt, endedAt(container))
    if (isSidecar) {
      sidecarRestarts += container.restartCount
      sidecarRestartAt = latest(sidecarRestartAt, endedAt(container))
    }
    if (container.state?.terminated?.exitCode === 0) continue
    if (isSidecar && container.started === true) {
      if (container.ready) ready += 1
      continue
    }
    holdup = `Init:${initHoldup(container) ?? `${index}/${spec?.initContainers?.length ?? 0}`}`
    break
  }
  return { holdup, ready, restarts, lastRestartAt, sidecarRestarts, sidecarRestartAt }
}

function initHoldup({ state }: ContainerStatus): string | undefined {
  if (state?.terminated !== undefined) return terminationWord(state.terminated)
  const reason = state?.waiting?.reason
  return reason && reason !== 'PodInitializing' ? reason : undefined
}

function summarizeMain(
  pod: Pod,
  before: string,
): { word: string; ready: number; restarts: number; lastRestartAt: number | undefined } {
  let word = before
  let ready = 0
  let restarts = 0
  let lastRestartAt: number | undefined
  // Backwards, so that of several containers the first one's reason is shown.
  for (const container of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    const { state } = container
    restarts += container.restartCount
    lastRestartAt = latest(lastRestartAt, endedAt(container))
    if (state?.waiting?.reason) word = state.waiting.reason
    else if (state?.terminated !== undefined) word = terminationWord(state.terminated)
    else if (container.ready && state?.running !== undefined) ready += 1
  }
  // One container has completed while another still runs: the pod is not over.
  if (word === 'Completed' && ready > 0) word = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady'
  return { word, ready, restarts, lastRestartAt }
}

function terminationWord({ reason, signal, exitCode }: ContainerStateTerminated): string {
  if (reason) return reason
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`
}

function endedAt({ lastState }: ContainerStatus): number | undefined {
  const finishedAt = lastState?.terminated?.finishedAt
  return finishedAt === undefined ? undefined : Date.parse(finishedAt)
}

function latest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.max(a, b)
}

function hasCondition(pod: Pod, name: string): boolean {
  return pod.status?.conditions?.some(({ type, status }) => type === name && status === 'True') ?? false
}
