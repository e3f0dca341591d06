import { type Condition, formatTime, type ContainerStatus as KubeContainerStatus } from '../../kube/index.ts'
import { containersOf, isInitDone, isInitialized, newestSandbox } from '../pods/lifecycle.ts'
import { EVICTED, type PodView } from '../pods/view.ts'

/**
 * The conditions that the agent owns, in upstream's words. `PodScheduled` is the scheduler's and never among them. A condition
 * whose status did not change keeps its transition time. Pure.
 */
export function podConditions(
  view: PodView,
  phase: string,
  statuses: readonly KubeContainerStatus[],
): readonly Condition[] {
  const published = new Map((view.pod.status?.conditions ?? []).map(condition => [condition.type, condition]))
  const containers = containersReady(view, phase, statuses)
  const conditions: readonly Outcome[] = [
    { type: 'PodReadyToStartContainers', ...truth(newestSandbox(view)?.state === 'ready') },
    { type: 'Initialized', ...initialized(view, phase) },
    { type: 'Ready', ...gated(view, containers) },
    { type: 'ContainersReady', ...containers },
    ...disruption(view),
  ]
  return conditions.map(({ type, status, reason, message }) => {
    const before = published.get(type)
    const since = before?.status === status ? before.lastTransitionTime : undefined
    return {
      type,
      status,
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
      lastTransitionTime: since === undefined ? formatTime(view.now) : String(since),
    }
  })
}

/** So that who counts failures (a Job) can tell that the pod was not to blame. */
function disruption({ failure }: PodView): readonly Outcome[] {
  if (failure?.reason !== EVICTED) return []
  const { message } = failure
  return [{ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message }]
}

interface Truth {
  readonly status: 'True' | 'False'
  readonly reason?: string
  readonly message?: string
}

interface Outcome extends Truth {
  readonly type: string
}

function truth(value: boolean): Truth {
  return { status: value ? 'True' : 'False' }
}

function initialized(view: PodView, phase: string): Truth {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' }
  if (isInitialized(view)) return { status: 'True' }
  const missing = containersOf(view.pod)
    .filter(({ spec, role }) => role !== 'main' && !isInitDone(view, spec.name, role))
    .map(({ spec }) => spec.name)
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${missing.join(' ')}]`,
  }
}

function containersReady(view: PodView, phase: string, statuses: readonly KubeContainerStatus[]): Truth {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' }
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' }
  const wanted = new Set(
    containersOf(view.pod)
      .filter(({ role }) => role !== 'init')
      .map(({ spec }) => spec.name),
  )
  const unready = statuses.filter(status => wanted.has(status.name) && !status.ready).map(({ name }) => name)
  if (unready.length === 0) return { status: 'True' }
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  }
}

/** A pod is ready when its containers are and each of its readiness gates is a true condition. */
function gated({ pod }: PodView, containers: Truth): Truth {
  if (containers.status === 'False') return containers
  const conditions = pod.status?.conditions ?? []
  const closed = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = conditions.find(({ type }) => type === conditionType)
    if (condition === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`]
    return condition.status === 'True'
      ? []
      : [`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`]
  })
  if (closed.length === 0) return { status: 'True' }
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: closed.join(', ') }
}
