import type { ContainerStatus, Pod } from '../../kube/generated/types.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Health } from './health.ts'

/** Healthy when ready or done; failed when it ended badly or a container cannot start as things stand. */
export function podHealth(object: KubeObject): Health {
  const { status = {} } = object as Pod
  if (status.phase === 'Succeeded') return { state: 'healthy', reason: 'has completed' }
  if (status.phase === 'Failed')
    return failed(status.message ?? status.reason ?? describeEnds(status.containerStatuses))

  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]
  for (const container of containers) {
    const problem = startProblem(container)
    if (problem !== undefined) return failed(`container ${container.name}: ${problem}`)
  }
  const ready = status.conditions?.find(condition => condition.type === 'Ready')
  if (ready?.status === 'True') return { state: 'healthy', reason: 'is ready' }
  return { state: 'progressing', reason: waitingFor(object as Pod, containers) }
}

function failed(reason: string): Health {
  return { state: 'failed', reason }
}

/**
 * Why a container does not start: the kubelet's waiting reasons that name an error (`CrashLoopBackOff`, `ImagePullBackOff`,
 * `ErrImagePull`, `CreateContainerConfigError`, …), with how the last attempt ended.
 */
function startProblem({ state, lastState, restartCount }: ContainerStatus): string | undefined {
  const { reason, message } = state?.waiting ?? {}
  if (reason === undefined || !/BackOff$|Error$|^Err|^InvalidImageName$/.test(reason)) return undefined
  const end = lastState?.terminated
  if (reason === 'CrashLoopBackOff' && end !== undefined)
    return `${reason}: exit ${end.exitCode}, restarted ${restartCount} ${restartCount === 1 ? 'time' : 'times'}`
  return message === undefined ? reason : `${reason}: ${message}`
}

function describeEnds(statuses: readonly ContainerStatus[] | undefined): string {
  for (const { name, state } of statuses ?? []) {
    const end = state?.terminated
    if (end !== undefined && end.exitCode !== 0) return `container ${name}: exit ${end.exitCode}`
  }
  return 'has failed'
}

function waitingFor({ spec, status }: Pod, containers: readonly ContainerStatus[]): string {
  const scheduled = status?.conditions?.find(condition => condition.type === 'PodScheduled')
  if (scheduled?.status === 'False') return scheduled.message ?? 'is not scheduled yet'
  const unready = containers.find(({ ready, state }) => !ready && state?.terminated?.exitCode !== 0)
  if (unready !== undefined) {
    const waiting = unready.state?.waiting?.reason
    return `container ${unready.name} is ${waiting === undefined ? 'not ready' : `waiting: ${waiting}`}`
  }
  return spec?.nodeName === undefined ? 'is not scheduled yet' : `waits for ${spec.nodeName} to start it`
}
