import type { Container } from '../../kube/index.ts'
import type { ContainerStatus } from '../runtime/index.ts'
import type { AssignedPod } from './assigned-pod.ts'
import {
  type ContainerRole,
  containersOf,
  currentContainer,
  endedAt,
  exitCodeOf,
  finalPhase,
  hasEnded,
  isInitDone,
  isInitialized,
  isRestarted,
  newestSandbox,
} from './lifecycle.ts'
import { restartDelay } from './restart.ts'
import { specHash } from './spec-hash.ts'
import { NO_NOTES, POD_UNIT, type PodView } from './view.ts'

/**
 * One move of a pod. All but `wait` and `fail` are work for one unit: the pod or one container. Until that work ends the unit is
 * busy, and steps of other units follow.
 */
export type Step =
  /** Nothing to do before something changes, or before the time named. */
  | { readonly type: 'wait'; readonly until?: number }
  /** The pod as a whole has failed. */
  | { readonly type: 'fail'; readonly reason: string; readonly message: string }
  | { readonly type: 'mount-volumes' }
  /** A network for the pod; an earlier sandbox, with what is left in it, is stopped first. */
  | { readonly type: 'run-sandbox'; readonly attempt: number; readonly replaces: string | undefined }
  | { readonly type: 'pull-image'; readonly container: Container; readonly attempt: number }
  | {
      readonly type: 'create-container'
      readonly container: Container
      readonly sandboxId: string
      readonly attempt: number
      readonly replaces: ContainerStatus | undefined
    }
  /** Starts a container that was created by an agent that did not live to start it. */
  | { readonly type: 'start-container'; readonly container: Container; readonly id: string }
  | {
      readonly type: 'stop-container'
      readonly container: ContainerStatus
      readonly killAt: number
      readonly message: string
    }
  | { readonly type: 'remove-container'; readonly container: ContainerStatus }
  | { readonly type: 'stop-sandbox'; readonly id: string }
  | { readonly type: 'remove-sandbox'; readonly id: string }
  /** Removes the object from the API server: everything of it has stopped and its last status is known there. */
  | { readonly type: 'delete-object' }
  /** Removes every trace of the pod from this host. */
  | { readonly type: 'clean-up' }

type Wait = Extract<Step, { type: 'wait' }>

/** Attempts kept per container: the newest, and the one before it for `logs --previous` and `lastState`. */
const KEPT_ATTEMPTS = 2

/**
 * The next move of a pod towards its spec, or towards its end. Pure: the same view always gives the same step, and a step whose
 * unit is busy is never given.
 */
export function nextStep(view: PodView): Step {
  const { deletionTimestamp } = view.pod.metadata
  if (view.gone || deletionTimestamp !== undefined || finalPhase(view) !== undefined) return endingStep(view)
  const deadline = activeDeadline(view)
  if (deadline !== undefined && deadline <= view.now)
    return {
      type: 'fail',
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    }
  const step = livingStep(view)
  return step.type === 'wait' ? earliest(step, waitUntil(deadline)) : step
}

/** How long a pod's containers may take to stop: what its deletion says, else its spec, else upstream's 30 s. */
export function graceMsOf({ metadata, spec }: AssignedPod): number {
  return (metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? 30) * 1000
}

/** The containers that wait for their restart back-off, each with the ended run that it counts from. */
export function backingOff(view: PodView): readonly ContainerStatus[] {
  if (view.gone || view.pod.metadata.deletionTimestamp !== undefined || finalPhase(view) !== undefined)
    return []
  return containersOf(view.pod).flatMap(({ spec, role }) => {
    const container = currentContainer(view, spec.name)
    if (container === undefined || !hasEnded(view, container) || view.busy.has(spec.name)) return []
    const notes = view.notes.get(spec.name) ?? NO_NOTES
    const waits = restartDelay(notes, endedAt(view, container)).at > view.now
    return waits && isRestarted(view.pod, role, exitCodeOf(container)) ? [container] : []
  })
}

function endingStep(view: PodView): Step {
  const stop = stopStep(view)
  if (stop !== undefined) return stop
  // A stop that is about to return still looks at its container.
  const isStopping = view.busy.size > 0 || view.stopping.size > 0
  if (isStopping || view.containers.some(container => container.state === 'running')) return { type: 'wait' }
  if (view.gone) return { type: 'clean-up' }
  const isDeleted = view.pod.metadata.deletionTimestamp !== undefined
  const ready = view.sandboxes.find(sandbox => sandbox.state === 'ready')
  // Nothing runs in it any more. What is deleted is cleaned up soon, its sandbox included; but the next pod may want its ports at once.
  if (ready !== undefined && (!isDeleted || takesHostPorts(view)))
    return { type: 'stop-sandbox', id: ready.id }
  if (!isDeleted || !view.published) return { type: 'wait' }
  return view.podRetryAt > view.now ? { type: 'wait', until: view.podRetryAt } : { type: 'delete-object' }
}

function takesHostPorts({ pod }: PodView): boolean {
  return containersOf(pod).some(({ spec }) => (spec.ports ?? []).some(({ hostPort }) => hostPort))
}

/** Stops what still runs: the main containers together, then the sidecars in the reverse order of their start. */
function stopStep(view: PodView): Step | undefined {
  const killAt = view.killAt ?? view.now + graceMsOf(view.pod)
  const containers = containersOf(view.pod)
  const roleOf = new Map(containers.map(({ spec, role }) => [spec.name, role]))
  const running = view.containers.filter(container => container.state === 'running')
  const sidecars = running.filter(container => roleOf.get(container.name) === 'sidecar')
  const others = running.filter(container => roleOf.get(container.name) !== 'sidecar')
  const startOrder = containers.map(({ spec }) => spec.name)
  const last = sidecars
    .toSorted((a, b) => startOrder.indexOf(b.name) - startOrder.indexOf(a.name))
    .slice(0, 1)
  for (const container of others.length > 0 ? others : last) {
    // A stop under way is only ever hastened: `kubectl delete --grace-period=1` during a long one.
    if (killAt >= (view.stopping.get(container.id) ?? Number.POSITIVE_INFINITY)) continue
    return { type: 'stop-container', container, killAt, message: `Stopping container ${container.name}` }
  }
  return undefined
}

function livingStep(view: PodView): Step {
  if (view.busy.has(POD_UNIT)) return { type: 'wait' }
  const sandbox = newestSandbox(view)
  if (!view.volumesMounted || sandbox?.state !== 'ready') {
    if (view.podRetryAt > view.now) return { type: 'wait', until: view.podRetryAt }
    if (!view.volumesMounted) return { type: 'mount-volumes' }
    return {
      type: 'run-sandbox',
      attempt: sandbox === undefined ? 0 : sandbox.attempt + 1,
      replaces: sandbox?.id,
    }
  }
  let wait: Wait = { type: 'wait' }
  for (const { spec, role } of eligible(view)) {
    const step = containerStep(view, spec, role, sandbox.id)
    if (step.type !== 'wait') return step
    wait = earliest(wait, step)
  }
  return leftoverStep(view, sandbox.id) ?? wait
}

/** The containers that may run now: the init sequence up to its first member that is not done, or sidecars and main containers. */
function eligible(view: PodView): { readonly spec: Container; readonly role: ContainerRole }[] {
  const containers = containersOf(view.pod)
  if (isInitialized(view)) return containers.filter(({ role }) => role !== 'init')
  const at = containers.findIndex(({ spec, role }) => role !== 'main' && !isInitDone(view, spec.name, role))
  return containers.slice(0, at + 1).filter(({ role }, index) => role === 'sidecar' || index === at)
}

function containerStep(view: PodView, spec: Container, role: ContainerRole, sandboxId: string): Step {
  if (view.busy.has(spec.name)) return { type: 'wait' }
  const notes = view.notes.get(spec.name) ?? NO_NOTES
  const container = currentContainer(view, spec.name)
  const change = container === undefined ? undefined : changeOf(view, spec, container)
  const changed = change !== undefined
  if (container?.state === 'running') return runningStep(view, spec, container, change)
  if (container !== undefined) {
    const ended = hasEnded(view, container)
    if (ended && !isRestarted(view.pod, role, exitCodeOf(container))) return { type: 'wait' }
    if (!ended && !changed) return { type: 'start-container', container: spec, id: container.id }
    // A changed container starts afresh: the back-off was earned by what it replaces.
    const { at } = restartDelay(notes, endedAt(view, container))
    if (!changed && at > view.now) return { type: 'wait', until: at }
  }
  if (notes.retryAt > view.now) return { type: 'wait', until: notes.retryAt }
  const attempt = nextAttempt(view, spec.name)
  if (notes.imageFor !== attempt) return { type: 'pull-image', container: spec, attempt }
  return {
    type: 'create-container',
    container: spec,
    sandboxId,
    attempt,
    replaces: changed ? undefined : container,
  }
}

/** Why a container is no longer what it should be, if so. One that does not say where its mounts are from is left alone. */
function changeOf(view: PodView, spec: Container, container: ContainerStatus): string | undefined {
  if (container.specHash !== specHash(spec))
    return `Container ${spec.name} definition changed, will be restarted`
  if (container.home === undefined || container.home === view.home) return undefined
  return `Container ${spec.name} mounts folders of the agent that were moved or put back since, will be restarted`
}

function runningStep(
  view: PodView,
  spec: Container,
  container: ContainerStatus,
  change: string | undefined,
): Step {
  if (view.stopping.has(container.id)) return { type: 'wait' }
  const condemned = view.notes.get(spec.name)?.condemned
  const graceMs = graceMsOf(view.pod)
  if (change !== undefined)
    return { type: 'stop-container', container, killAt: view.now + graceMs, message: change }
  if (condemned?.id === container.id)
    return {
      type: 'stop-container',
      container,
      killAt: view.now + (condemned.graceMs ?? graceMs),
      message: condemned.message,
    }
  return { type: 'wait' }
}

/** One more than any attempt that the runtime, the agent or, for containers that somebody removed, the published status knows. */
function nextAttempt(view: PodView, name: string): number {
  const attempts = view.containers.filter(container => container.name === name).map(({ attempt }) => attempt)
  const made = view.notes.get(name)?.attempt ?? -1
  const { initContainerStatuses = [], containerStatuses = [] } = view.pod.status ?? {}
  const published = [...initContainerStatuses, ...containerStatuses].find(status => status.name === name)
  const known = published?.containerID ? published.restartCount : -1
  return Math.max(...attempts, made, known) + 1
}

/** Removes what nobody needs any more: dead containers but the newest, and earlier sandboxes with nothing worth keeping. */
function leftoverStep(view: PodView, sandboxId: string): Step | undefined {
  const kept = new Set<string>()
  for (const name of new Set(view.containers.map(container => container.name))) {
    if (view.busy.has(name)) return undefined
    const attempts = view.containers
      .filter(container => container.name === name)
      .toSorted((a, b) => b.attempt - a.attempt)
    for (const container of attempts.slice(0, KEPT_ATTEMPTS)) kept.add(container.id)
    const surplus = attempts.slice(KEPT_ATTEMPTS).find(container => container.state !== 'running')
    if (surplus !== undefined) return { type: 'remove-container', container: surplus }
  }
  const empty = view.sandboxes.find(
    sandbox =>
      sandbox.id !== sandboxId &&
      !view.containers.some(container => container.sandboxId === sandbox.id && kept.has(container.id)),
  )
  return empty === undefined ? undefined : { type: 'remove-sandbox', id: empty.id }
}

function activeDeadline({ pod }: PodView): number | undefined {
  const { activeDeadlineSeconds } = pod.spec
  const startTime = pod.status?.startTime
  if (activeDeadlineSeconds === undefined || startTime === undefined) return undefined
  return Date.parse(String(startTime)) + activeDeadlineSeconds * 1000
}

function waitUntil(until: number | undefined): Wait {
  return until === undefined ? { type: 'wait' } : { type: 'wait', until }
}

function earliest(a: Wait, b: Wait): Wait {
  if (a.until === undefined) return b
  return b.until === undefined || a.until <= b.until ? a : b
}
