import { formatTime, type ContainerStatus as KubeContainerStatus, type PodStatus } from '../../kube/index.ts'
import { qosClass } from '../containers/resources.ts'
import { containersOf, finalPhase, isInitialized, newestSandbox } from '../pods/lifecycle.ts'
import { POD_UNIT, type PodView } from '../pods/view.ts'
import { podConditions } from './conditions.ts'
import { containerStatus } from './container-status.ts'

type Phase = NonNullable<PodStatus['phase']>

/** What of the host goes into every pod's status. */
export interface HostFacts {
  /** The runtime's name, the scheme of container ids: `docker`. */
  readonly runtimeName: string
  readonly hostIP: string | undefined
}

/** The part of a pod's status that the agent writes, as it should read now. Pure: the same view gives the same status. */
export function podStatus(view: PodView, { runtimeName, hostIP }: HostFacts): PodStatus {
  const { pod } = view
  const all = containersOf(pod).map(container => ({
    role: container.role,
    status: containerStatus(view, container, runtimeName),
  }))
  const statuses = all.map(({ status }) => status)
  const initStatuses = all.filter(({ role }) => role !== 'main').map(({ status }) => status)
  const mainStatuses = all.filter(({ role }) => role === 'main').map(({ status }) => status)
  const phase = podPhase(view, mainStatuses)
  const failure = view.failure ?? keptFailure(view)
  const ip = newestSandbox(view)?.ip ?? (isOver(phase) ? pod.status?.podIP : undefined)
  return {
    phase,
    conditions: podConditions(view, phase, statuses),
    ...(hostIP === undefined ? {} : { hostIP, hostIPs: [{ ip: hostIP }] }),
    ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime: pod.status?.startTime ?? formatTime(view.now),
    qosClass: pod.status?.qosClass ?? qosClass(pod),
    ...(isRefused(phase, failure, statuses)
      ? {}
      : {
          ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
          containerStatuses: mainStatuses,
        }),
    ...failure,
  }
}

/**
 * A pod that failed for a reason of the host before anything of it was made: as upstream's that kubelet rejects it has no containers to
 * tell of, and `kubectl get` shows the reason.
 */
function isRefused(
  phase: Phase,
  { reason }: Pick<PodStatus, 'reason'>,
  statuses: readonly KubeContainerStatus[],
): boolean {
  if (phase !== 'Failed' || reason === undefined) return false
  return statuses.every(({ containerID, lastState, state }) => {
    const ended = state?.terminated ?? lastState?.terminated
    return containerID === undefined && ended === undefined
  })
}

/** kubelet's `getPhase`: what the containers are doing says what the pod is doing. */
function podPhase(view: PodView, statuses: readonly KubeContainerStatus[]): Phase {
  const final = finalPhase(view)
  if (final !== undefined) return final
  const running = statuses.filter(({ state }) => state?.running !== undefined)
  const ended = statuses.filter(
    ({ state, lastState }) => (state?.terminated ?? lastState?.terminated) !== undefined,
  )
  if (isEnded(view)) {
    const allSucceeded = ended.length === statuses.length && statuses.every(hasSucceeded)
    return allSucceeded ? 'Succeeded' : 'Failed'
  }
  if (!isInitialized(view)) return 'Pending'
  const started = new Set([...running, ...ended])
  return started.size === statuses.length ? 'Running' : 'Pending'
}

function hasSucceeded({ state }: KubeContainerStatus): boolean {
  return state?.terminated?.exitCode === 0
}

/** A pod that is being deleted has come to its end once nothing of it runs. */
function isEnded(view: PodView): boolean {
  return (
    (view.gone || view.pod.metadata.deletionTimestamp !== undefined) &&
    [...view.busy].every(unit => unit === POD_UNIT) &&
    view.containers.every(container => container.state !== 'running')
  )
}

function isOver(phase: Phase): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

/** The reason of a failure that was published before this agent started; it alone remembers why. */
function keptFailure({ pod }: PodView): Pick<PodStatus, 'reason' | 'message'> {
  const { phase, reason, message } = pod.status ?? {}
  if (phase !== 'Failed') return {}
  return { ...(reason ? { reason } : {}), ...(message ? { message } : {}) }
}
