import type { Container } from '../../kube/index.ts'
import type { ContainerStatus, SandboxStatus } from '../runtime/index.ts'
import type { AssignedPod } from './assigned-pod.ts'
import { NO_NOTES, type PodView } from './view.ts'

/** `sidecar`: an init container with `restartPolicy: Always`, which runs beside the main ones (KEP 753). */
export type ContainerRole = 'init' | 'sidecar' | 'main'

export interface PodContainer {
  readonly spec: Container
  readonly role: ContainerRole
}

/** Every container of a pod in the order in which they start. */
export function containersOf(pod: AssignedPod): readonly PodContainer[] {
  const { initContainers = [], containers } = pod.spec
  return [
    ...initContainers.map(spec => ({
      spec,
      role: spec.restartPolicy === 'Always' ? ('sidecar' as const) : ('init' as const),
    })),
    ...containers.map(spec => ({ spec, role: 'main' as const })),
  ]
}

/** The sandbox that counts: the one of the highest attempt, whatever its state. */
export function newestSandbox(view: PodView): SandboxStatus | undefined {
  return newestOf(view.sandboxes)
}

/**
 * The newest container of this name, in whatever sandbox. Undefined when a newer one is known to have been there: somebody removed
 * it, and those before it are only history.
 */
export function newestContainer(view: PodView, name: string): ContainerStatus | undefined {
  const newest = newestOf(view.containers.filter(container => container.name === name))
  const made = view.notes.get(name)?.attempt
  return newest !== undefined && made !== undefined && made > newest.attempt ? undefined : newest
}

/** The newest container of this name in the newest sandbox: a new sandbox starts the pod anew, init containers included. */
export function currentContainer(view: PodView, name: string): ContainerStatus | undefined {
  const newest = newestContainer(view, name)
  return newest !== undefined && newest.sandboxId === newestSandbox(view)?.id ? newest : undefined
}

/** True for a container that was started and has ended, or that the engine could not start. */
export function hasEnded(view: PodView, container: ContainerStatus): boolean {
  return container.state === 'exited' || startFailedAt(view, container) !== undefined
}

/** When a container ended, as the restart back-off counts it. */
export function endedAt(view: PodView, container: ContainerStatus): number {
  return startFailedAt(view, container) ?? container.finishedAt ?? container.createdAt
}

/** The exit code of an ended container; one that could not be started counts as failed. */
export function exitCodeOf(container: ContainerStatus): number {
  return container.exitCode ?? 128
}

/** Whether a container that ended is to run again, by its role and the pod's restart policy. */
export function isRestarted(pod: AssignedPod, role: ContainerRole, exitCode: number): boolean {
  const policy = pod.spec.restartPolicy ?? 'Always'
  switch (role) {
    case 'sidecar':
      return true
    case 'init':
      return exitCode !== 0 && policy !== 'Never'
    case 'main':
      return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0)
  }
}

/**
 * True once every init container has done its work in the newest sandbox and every sidecar has started. Init containers
 * that somebody removed count as done when a main container is there: it could not have started before them.
 */
export function isInitialized(view: PodView): boolean {
  const containers = containersOf(view.pod)
  if (containers.some(({ spec, role }) => role === 'main' && currentContainer(view, spec.name))) return true
  return containers.every(({ spec, role }) => role === 'main' || isInitDone(view, spec.name, role))
}

/** True when the next container of the init sequence may start. */
export function isInitDone(view: PodView, name: string, role: ContainerRole): boolean {
  const container = currentContainer(view, name)
  if (container === undefined) return false
  if (role === 'sidecar') return container.state === 'running' && isStarted(view, container)
  return container.state === 'exited' && container.exitCode === 0
}

/** The startup probe, if there is one, has succeeded. */
export function isStarted(view: PodView, container: ContainerStatus): boolean {
  const health = (view.notes.get(container.name) ?? NO_NOTES).health
  return container.state === 'running' && health?.id === container.id && health.started
}

/**
 * How the pod ended by itself: every main container ended for good, or an init container failed for good. Undefined while it
 * can still do something. A phase that was published stays: an ended pod never starts again.
 */
export function finalPhase(view: PodView): 'Succeeded' | 'Failed' | undefined {
  if (view.failure !== undefined) return 'Failed'
  const published = view.pod.status?.phase
  if (published === 'Succeeded' || published === 'Failed') return published
  let failed = false
  for (const { spec, role } of containersOf(view.pod)) {
    if (role === 'sidecar') continue
    const container = currentContainer(view, spec.name)
    const ended = container !== undefined && hasEnded(view, container)
    if (role === 'init') {
      if (ended && exitCodeOf(container) !== 0 && !isRestarted(view.pod, role, exitCodeOf(container)))
        return 'Failed'
      continue
    }
    if (!ended || view.busy.has(spec.name) || isRestarted(view.pod, role, exitCodeOf(container)))
      return undefined
    failed ||= exitCodeOf(container) !== 0
  }
  return failed ? 'Failed' : 'Succeeded'
}

function startFailedAt(view: PodView, container: ContainerStatus): number | undefined {
  const failure = view.notes.get(container.name)?.startFailure
  return container.state !== 'running' && failure?.id === container.id ? failure.at : undefined
}

function newestOf<T extends { readonly attempt: number }>(items: readonly T[]): T | undefined {
  let newest: T | undefined
  for (const item of items) if (newest === undefined || item.attempt > newest.attempt) newest = item
  return newest
}
