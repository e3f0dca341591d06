import type { ContainerStatus, Pod } from '../../kube/index.ts'

/** A container that started or stopped, as a pod's status shows it. */
export interface ContainerChange {
  readonly action: 'started' | 'stopped'
  readonly node: string
  /** `namespace/name`. */
  readonly pod: string
  readonly container: string
  /** For a stop: `OOMKilled`, `Error (exit 1)`, … */
  readonly reason?: string
  /** RFC 3339, as the agent reported it, or undefined when the pod went away without a word. */
  readonly at?: string
}

/** What happened to a pod's containers between two states of it; either may be absent. */
export function containerChanges(
  previous: Pod | undefined,
  current: Pod | undefined,
): readonly ContainerChange[] {
  const pod = current ?? previous
  if (pod === undefined) return []
  const changes: ContainerChange[] = []
  const before = byName(previous)
  const after = byName(current)
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(name)
    const is = after.get(name)
    const place = {
      node: pod.spec?.nodeName ?? '',
      pod: `${pod.metadata.namespace}/${pod.metadata.name}`,
      container: name,
    }
    const wasRunning = was?.state?.running !== undefined
    const isRunning = is?.state?.running !== undefined
    const isSame = was?.containerID === is?.containerID
    if (wasRunning && !(isRunning && isSame)) changes.push({ ...place, action: 'stopped', ...endOf(was, is) })
    if (isRunning && !(wasRunning && isSame))
      changes.push({
        ...place,
        action: 'started',
        ...(is.state?.running?.startedAt ? { at: is.state.running.startedAt } : {}),
      })
  }
  return changes
}

function byName(pod: Pod | undefined): ReadonlyMap<string, ContainerStatus> {
  const statuses = [...(pod?.status?.initContainerStatuses ?? []), ...(pod?.status?.containerStatuses ?? [])]
  return new Map(statuses.map(status => [status.name, status]))
}

function endOf(was: ContainerStatus, is: ContainerStatus | undefined): { reason?: string; at?: string } {
  const ends = [is?.state?.terminated, is?.lastState?.terminated]
  const end = ends.find(terminated => terminated?.containerID === was.containerID) ?? ends.find(Boolean)
  if (end === undefined) return {}
  const reason =
    end.reason === 'Completed' || end.exitCode === 0
      ? 'Completed'
      : `${end.reason ?? 'Error'} (exit ${end.exitCode})`
  return { reason, ...(end.finishedAt ? { at: end.finishedAt } : {}) }
}
