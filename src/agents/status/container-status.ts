import {
  type ContainerState,
  formatTime,
  type ContainerStatus as KubeContainerStatus,
} from '../../kube/index.ts'
import { podTitle } from '../pods/assigned-pod.ts'
import {
  type ContainerRole,
  currentContainer,
  endedAt,
  exitCodeOf,
  hasEnded,
  isInitDone,
  isInitialized,
  isRestarted,
  isStarted,
  newestContainer,
  type PodContainer,
} from '../pods/lifecycle.ts'
import { restartDelay } from '../pods/restart.ts'
import { NO_NOTES, type PodView } from '../pods/view.ts'
import type { ContainerStatus } from '../runtime/index.ts'

/** What `status.containerStatuses[]` (or `initContainerStatuses[]`) says of one container. Pure. */
export function containerStatus(
  view: PodView,
  { spec, role }: PodContainer,
  runtimeName: string,
): KubeContainerStatus {
  const published = publishedStatus(view, spec.name)
  const newest = newestContainer(view, spec.name)
  // In a sandbox that replaced the container's own, the container is only history.
  const current = currentContainer(view, spec.name)
  const running = current?.state === 'running'
  const started = current !== undefined && isStarted(view, current)
  const state = stateOf(view, spec.name, role, current, runtimeName)
  const status: KubeContainerStatus = {
    name: spec.name,
    state,
    lastState: lastStateOf(view, spec.name, state, published, runtimeName),
    ready: isReady(view, role, current),
    restartCount: Math.max(newest?.attempt ?? 0, published?.restartCount ?? 0),
    image: newest?.image ?? spec.image ?? '',
    imageID: newest?.imageId ?? published?.imageID ?? '',
    started: role === 'init' ? isInitDone(view, spec.name, role) && running : started,
  }
  // A container that vanished keeps its id until it has a successor: its attempt number must not be given out again.
  const shown = current ?? newest
  const containerID = shown === undefined ? published?.containerID : `${runtimeName}://${shown.id}`
  return containerID ? { ...status, containerID } : status
}

function isReady(view: PodView, role: ContainerRole, container: ContainerStatus | undefined): boolean {
  if (container === undefined) return false
  if (role === 'init') return container.state === 'exited' && container.exitCode === 0
  const health = view.notes.get(container.name)?.health
  return isStarted(view, container) && health?.id === container.id && health.ready
}

function stateOf(
  view: PodView,
  name: string,
  role: ContainerRole,
  container: ContainerStatus | undefined,
  runtimeName: string,
): ContainerState {
  const notes = view.notes.get(name) ?? NO_NOTES
  // A pod that is over and whose containers were removed to make room ended as it was told then.
  const told = publishedStatus(view, name)?.state
  if (container === undefined && told?.terminated !== undefined && !isLiving(view)) return told
  if (container?.state === 'running')
    return { running: { startedAt: formatTime(container.startedAt ?? container.createdAt) } }
  if (container !== undefined && hasEnded(view, container)) {
    const restarts = isLiving(view) && isRestarted(view.pod, role, exitCodeOf(container))
    const { at, delayMs } = restartDelay(notes, endedAt(view, container))
    if (restarts && !view.busy.has(name) && at > view.now)
      return { waiting: { reason: 'CrashLoopBackOff', message: crashLoopMessage(view, name, delayMs) } }
    if (restarts && notes.waiting !== undefined) return { waiting: notes.waiting }
    return terminated(view, container, runtimeName)
  }
  if (notes.waiting !== undefined) return { waiting: notes.waiting }
  const hasInit = (view.pod.spec.initContainers ?? []).length > 0
  return {
    waiting: { reason: hasInit && !isInitialized(view) ? 'PodInitializing' : 'ContainerCreating' },
  }
}

/** Upstream's text; it names the pod as `name_namespace(uid)`. */
function crashLoopMessage({ pod }: PodView, name: string, delayMs: number): string {
  return `back-off ${goDuration(delayMs)} restarting failed container=${name} pod=${podTitle(pod)}`
}

/** How the run before the one that `state` shows ended. */
function lastStateOf(
  view: PodView,
  name: string,
  state: ContainerState,
  published: KubeContainerStatus | undefined,
  runtimeName: string,
): ContainerState {
  const newest = newestContainer(view, name)
  // While `state` tells of the newest run, whether running or ended, the one before it is the last.
  const shown = state.waiting === undefined ? newest?.id : undefined
  const last = view.containers
    .filter(container => container.name === name && container.id !== shown && hasEnded(view, container))
    .toSorted((a, b) => b.attempt - a.attempt)[0]
  if (last !== undefined) return terminated(view, last, runtimeName)
  if (!published?.containerID) return published?.lastState ?? {}
  const same = newest !== undefined && published.containerID === `${runtimeName}://${newest.id}`
  return same ? (published.lastState ?? {}) : lostState(published)
}

/** A container that vanished from the engine: upstream gives it exit code 137 and this reason, for nobody knows better. */
function lostState(published: KubeContainerStatus): ContainerState {
  if (published.state?.terminated !== undefined) return { terminated: published.state.terminated }
  if (published.state?.running === undefined) return published.lastState ?? {}
  return {
    terminated: {
      exitCode: 137,
      reason: 'ContainerStatusUnknown',
      message:
        'The container could not be located when the pod was deleted.  The container used to be Running',
      ...(published.containerID ? { containerID: published.containerID } : {}),
    },
  }
}

function terminated(view: PodView, container: ContainerStatus, runtimeName: string): ContainerState {
  const exitCode = exitCodeOf(container)
  const { startFailure } = view.notes.get(container.name) ?? NO_NOTES
  const engineWords = startFailure?.id === container.id ? startFailure.message : container.message
  const message = view.lastWords.get(container.id) || engineWords
  return {
    terminated: {
      exitCode,
      reason: container.reason ?? (exitCode === 0 ? 'Completed' : 'Error'),
      ...(message ? { message } : {}),
      startedAt: formatTime(container.startedAt ?? container.createdAt),
      finishedAt: formatTime(endedAt(view, container)),
      containerID: `${runtimeName}://${container.id}`,
    },
  }
}

function publishedStatus({ pod }: PodView, name: string): KubeContainerStatus | undefined {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {}
  return [...initContainerStatuses, ...containerStatuses].find(status => status.name === name)
}

function isLiving(view: PodView): boolean {
  return !view.gone && view.pod.metadata.deletionTimestamp === undefined && view.failure === undefined
}

/** A whole number of seconds as Go prints it: `10s`, `1m20s`, `5m0s`. */
function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`
}
