import { BowlineError, backoffMs, messageOf } from '../../base/index.ts'
import { isConflict, isNotFound, Kinds } from '../../kube/index.ts'
import { fieldValue, type PodSurroundings, resourceValue } from '../containers/field-value.ts'
import { podNames } from '../containers/pod-names.ts'
import type { PortMapping } from '../runtime/index.ts'
import type { PayloadSources } from '../volumes/index.ts'
import { type AssignedPod, identityOf } from './assigned-pod.ts'
import { containersOf } from './lifecycle.ts'
import { type CarryOutMeans, SETUP_BACKOFF } from './means.ts'
import type { PodEntry } from './pod-entry.ts'
import { pullImage } from './pull-image.ts'
import { createContainer, startContainer } from './start-container.ts'
import type { Step } from './step.ts'
import { stopContainer } from './stop-container.ts'
import type { PodView } from './view.ts'

/** A step that is work; the others the loop does by itself. */
export type Work = Exclude<Step, { type: 'wait' | 'fail' }>

/** An object that was deleted leaves the watch within moments; one with finalizers does not, and is asked about again. */
const DELETE_AGAIN_MS = 5000

/**
 * Does one step's work. What goes wrong in a way that Kubernetes has a name for ends up in the entry's notes and as an event;
 * everything else is thrown, for the loop to wait and try again.
 */
export async function carryOut(
  entry: PodEntry,
  step: Work,
  view: PodView,
  means: CarryOutMeans,
  signal: AbortSignal,
): Promise<void> {
  const { runtime, observed, volumes } = means
  switch (step.type) {
    case 'mount-volumes':
      return mountVolumes(entry, means)
    case 'run-sandbox':
      return runSandbox(entry, step, means)
    case 'pull-image':
      return pullImage(entry, step, means, signal)
    case 'create-container':
      return createContainer(entry, step, view, means, signal)
    case 'start-container':
      return startContainer(entry, step.container, step.id, means, signal)
    case 'stop-container':
      return stopContainer(entry, step, view, means, signal)
    case 'remove-container':
      await remove(means, () => runtime.removeContainer(step.container.id))
      await volumes.removeMessageFile(entry.uid, step.container.name, step.container.attempt)
      observed.removeContainer(step.container.id)
      entry.lastWords.delete(step.container.id)
      return
    case 'stop-sandbox':
      await runtime.stopSandbox(step.id)
      observed.markStopped(step.id)
      return
    case 'remove-sandbox':
      await remove(means, () => runtime.removeSandbox(step.id))
      observed.removeSandbox(step.id)
      return
    case 'delete-object':
      return deleteObject(entry, means)
    case 'clean-up':
      return cleanUp(entry, means)
  }
}

async function mountVolumes(entry: PodEntry, means: CarryOutMeans): Promise<void> {
  const { volumes, references, record, clock } = means
  references.follow(entry.pod)
  try {
    entry.volumes = await volumes.mount(
      { uid: entry.uid, name: entry.pod.metadata.name, spec: entry.pod.spec },
      payloadSources(entry.pod, undefined, means),
    )
    entry.failures.delete('volumes')
  } catch (error) {
    record(entry.pod, 'Warning', 'FailedMount', messageOf(error))
    entry.podRetryAt = clock.now() + backoffMs(entry.countFailure('volumes'), SETUP_BACKOFF)
  }
}

/** What the files of a pod's volumes are made from. */
export function payloadSources(
  pod: AssignedPod,
  podIP: string | undefined,
  { references, tokens, host }: Pick<CarryOutMeans, 'references' | 'tokens' | 'host'>,
): PayloadSources {
  const around: PodSurroundings = { podIP, hostIP: host.hostIP, allocatable: host.allocatable }
  return {
    ...references.of(pod.metadata.namespace),
    token: projection => tokens.of(pod, projection),
    field: selector => fieldValue(pod, selector, around),
    resource(selector) {
      const subject = containersOf(pod).find(({ spec }) => spec.name === selector.containerName)
      if (subject === undefined)
        throw new BowlineError('bad-config', `container ${selector.containerName} not found`)
      return resourceValue(subject.spec, selector, around)
    },
  }
}

async function runSandbox(
  entry: PodEntry,
  { attempt, replaces }: Extract<Step, { type: 'run-sandbox' }>,
  { runtime, observed, directory, network, starts, record, clock }: CarryOutMeans,
): Promise<void> {
  const { pod } = entry
  try {
    if (replaces !== undefined) {
      record(pod, 'Normal', 'SandboxChanged', 'Pod sandbox changed, it will be killed and re-created.')
      await runtime.stopSandbox(replaces)
    }
    const ports = portsOf(pod)
    for (const port of ports) {
      const problem = await network.portProblem(port)
      if (problem !== undefined) throw new BowlineError('conflict', problem, { retryable: true })
    }
    const names = podNames(pod, await directory.cluster(), await directory.resolvers())
    for (const { reason, message } of names.warnings) record(pod, 'Warning', reason, message)
    const { hostname, config } = names
    const sandbox = await starts.run(() =>
      runtime.runSandbox({ pod: identityOf(pod), attempt, hostname, ports, names: config }),
    )
    if (sandbox.ip !== undefined) await network.admit(pod, sandbox.ip)
    observed.setSandbox(sandbox)
    entry.failures.delete('sandbox')
  } catch (error) {
    record(pod, 'Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${messageOf(error)}`)
    entry.podRetryAt = clock.now() + backoffMs(entry.countFailure('sandbox'), SETUP_BACKOFF)
  }
}

async function deleteObject(entry: PodEntry, { client, clock }: CarryOutMeans): Promise<void> {
  const { name, namespace, uid } = entry.pod.metadata
  try {
    await client.delete(Kinds.Pod, name, { namespace, gracePeriodSeconds: 0, preconditions: { uid } })
  } catch (error) {
    // Somebody else removed it, or another pod has its name by now.
    if (!isNotFound(error) && !isConflict(error)) throw error
  }
  entry.podRetryAt = clock.now() + DELETE_AGAIN_MS
}

async function cleanUp(entry: PodEntry, means: CarryOutMeans): Promise<void> {
  const { runtime, observed, volumes, references, tokens, network } = means
  network.forget(entry.uid)
  references.forget(entry.uid)
  tokens.forget(entry.uid)
  await remove(means, async () => {
    for (const { id } of observed.pod(entry.uid).sandboxes) {
      await runtime.removeSandbox(id)
      observed.removeSandbox(id)
    }
    for (const { id } of observed.pod(entry.uid).containers) {
      await runtime.removeContainer(id)
      observed.removeContainer(id)
    }
    await volumes.remove(entry.uid)
  })
}

/** How many starts a removal lets go first. They are what somebody waits for; it costs the engine as much, and can be late. */
const STARTS_FIRST = 100
/** How many removals may be waiting before they no longer are late: what they would remove holds memory, a few megabytes each. */
const MAX_REMAINS = 25

function remove({ starts, removals }: CarryOutMeans, task: () => Promise<void>): Promise<void> {
  return removals.run(async () => {
    if (removals.waiting < MAX_REMAINS) await starts.quiet(STARTS_FIRST)
    await task()
  })
}

function portsOf(pod: AssignedPod): readonly PortMapping[] {
  return containersOf(pod).flatMap(({ spec }) =>
    (spec.ports ?? []).flatMap(({ hostPort, hostIP, containerPort, protocol = 'TCP' }) => {
      if (!hostPort || protocol === 'SCTP') return []
      return [{ ...(hostIP ? { hostIp: hostIP } : {}), hostPort, containerPort, protocol }]
    }),
  )
}
