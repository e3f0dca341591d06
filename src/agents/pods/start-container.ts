import { BowlineError, backoffMs, hasCode, messageOf } from '../../base/index.ts'
import type { Container } from '../../kube/index.ts'
import { containerConfig } from '../containers/container-config.ts'
import { resolveEnvironment } from '../containers/environment.ts'
import { expandVariables } from '../containers/expand.ts'
import type { PodSurroundings } from '../containers/field-value.ts'
import { DEFAULT_MESSAGE_PATH } from '../containers/last-words.ts'
import { type ContainerConfig, type Runtime, SLOW_START_MS } from '../runtime/index.ts'
import type { AssignedPod } from './assigned-pod.ts'
import { runHook } from './hooks.ts'
import { endedAt, newestSandbox } from './lifecycle.ts'
import { type CarryOutMeans, look, SETUP_BACKOFF } from './means.ts'
import type { PodEntry } from './pod-entry.ts'
import { noteStart } from './restart.ts'
import type { Step } from './step.ts'
import type { PodView } from './view.ts'

/** Makes a container's next attempt and starts it. */
export async function createContainer(
  entry: PodEntry,
  { container, sandboxId, attempt, replaces }: Extract<Step, { type: 'create-container' }>,
  view: PodView,
  means: CarryOutMeans,
  signal: AbortSignal,
): Promise<void> {
  const { runtime, record, clock, starts } = means
  const { pod } = entry
  const { name } = container
  const retry = (reason: string, error: unknown) => {
    if (hasCode(error, 'unavailable')) throw error
    const message = messageOf(error)
    record(pod, 'Warning', 'Failed', `Error: ${message}`, name)
    const retryAt = clock.now() + backoffMs(entry.countFailure(`create ${name}`), SETUP_BACKOFF)
    entry.setNote(name, { waiting: { reason, message }, retryAt })
  }
  const unstage = () => means.volumes.unstage({ uid: entry.uid, container, attempt })
  const config = await describe(entry, container, attempt, newestSandbox(view)?.ip, means).catch(
    async error => {
      await unstage()
      return retry('CreateContainerConfigError', error)
    },
  )
  if (config === undefined) return
  const attemptIt = async () => {
    if (signal.aborted) return undefined
    const id = await runtime
      .createContainer(sandboxId, config)
      .catch(error => retry('CreateContainerError', error))
    if (id === undefined) return undefined
    entry.failures.delete(`create ${name}`)
    record(pod, 'Normal', 'Created', `Created container: ${name}`, name)
    const note = noteStart(entry.note(name), replaces && endedAt(view, replaces), clock.now())
    entry.setNote(name, { ...note, waiting: undefined, retryAt: 0, condemned: undefined })
    const isStarted = await start(entry, container, id, means)
    entry.setNote(name, { attempt })
    return isStarted ? id : undefined
  }
  // It has its own mounts once it has started.
  const started = await starts.runBriefly(attemptIt, clock, SLOW_START_MS).finally(unstage)
  if (started !== undefined) await runPostStart(entry, container, started, means, signal)
}

/** Finds out everything that a container's description needs. */
async function describe(
  entry: PodEntry,
  container: Container,
  attempt: number,
  podIP: string | undefined,
  { runtime, volumes, references, directory, host }: CarryOutMeans,
): Promise<ContainerConfig> {
  const { pod } = entry
  const imageUser = await imageUserOf(pod, container, runtime)
  requireNonRoot(pod, container, imageUser)
  const around: PodSurroundings = { podIP, hostIP: host.hostIP, allocatable: host.allocatable }
  const objects = references.of(pod.metadata.namespace)
  const links = await directory.serviceVariables(pod)
  const environment = await resolveEnvironment(pod, container, objects, around, links)
  const values = new Map(environment.map(variable => [variable.name, variable.value]))
  const expand = (text: string) => expandVariables(text, variable => values.get(variable))
  const mounts = await volumes.containerMounts(
    { uid: entry.uid, container, attempt },
    entry.volumes ?? new Map(),
    expand,
  )
  const messageFile = await volumes.createMessageFile(entry.uid, container.name, attempt)
  const containerPath = container.terminationMessagePath || DEFAULT_MESSAGE_PATH
  return containerConfig(pod, container, {
    attempt,
    environment,
    mounts: [...mounts, { hostPath: messageFile, containerPath, readOnly: false }],
    nodeMemoryBytes: host.memoryBytes,
    home: host.home,
    imageUser,
  })
}

/** The user that a container's image names, without the group; undefined when it names none, or when nobody needs to know. */
async function imageUserOf(
  { spec }: AssignedPod,
  { image = '', securityContext = {} }: Container,
  runtime: Runtime,
): Promise<string | undefined> {
  const { runAsUser, runAsGroup, runAsNonRoot } = { ...spec.securityContext, ...securityContext }
  if (runAsUser !== undefined || (runAsGroup === undefined && !runAsNonRoot)) return undefined
  const { user = '' } = (await runtime.imageStatus(image)) ?? {}
  return user.split(':', 1)[0] || undefined
}

/** `runAsNonRoot` promises that the agent looks, and refuses what would run as root or cannot be told. */
function requireNonRoot({ spec }: AssignedPod, container: Container, imageUser = '0'): void {
  const own = container.securityContext ?? {}
  if (!(own.runAsNonRoot ?? spec.securityContext?.runAsNonRoot)) return
  const uid = own.runAsUser ?? spec.securityContext?.runAsUser
  if (uid === 0) throw new BowlineError('bad-config', "container's runAsUser breaks non-root policy")
  if (uid !== undefined) return
  // An engine reads `00` as a number, too.
  if (imageUser === 'root' || /^0+$/.test(imageUser))
    throw new BowlineError('bad-config', 'container has runAsNonRoot and image will run as root')
  if (!/^\d+$/.test(imageUser))
    throw new BowlineError(
      'bad-config',
      `container has runAsNonRoot and image has non-numeric user (${imageUser}), cannot verify user is non-root`,
    )
}

/** Starts a container that is there already; one that was made for a start that did not happen is made anew. */
export async function startContainer(
  entry: PodEntry,
  container: Container,
  id: string,
  means: CarryOutMeans,
  signal: AbortSignal,
): Promise<void> {
  if (means.volumes.isStaged(container, entry.volumes ?? new Map())) {
    await means.runtime.removeContainer(id)
    means.observed.removeContainer(id)
    return
  }
  const attemptIt = () => start(entry, container, id, means)
  if (await means.starts.runBriefly(attemptIt, means.clock, SLOW_START_MS))
    await runPostStart(entry, container, id, means, signal)
}

async function start(
  entry: PodEntry,
  container: Container,
  id: string,
  means: CarryOutMeans,
): Promise<boolean> {
  const { pod } = entry
  const { name } = container
  const shares = sharesOf(entry, container)
  const cancel = means.clock.after(SLOW_START_MS, () => {
    if (shares.length === 0) return
    const message = `container "${name}" is not started yet: does the server of ${shares.join(' and ')} answer?`
    means.record(pod, 'Warning', 'FailedMount', message, name)
  })
  try {
    await means.runtime.startContainer(id)
  } catch (error) {
    if (hasCode(error, 'unavailable')) throw error
    const message = `failed to start container "${name}": ${messageOf(error)}`
    means.record(pod, 'Warning', 'Failed', `Error: ${message}`, name)
    await look(id, means)
    const startFailure = { id, at: means.clock.now(), message }
    entry.setNote(name, { waiting: { reason: 'RunContainerError', message }, startFailure })
    return false
  } finally {
    cancel()
  }
  means.record(pod, 'Normal', 'Started', `Started container ${name}`, name)
  await look(id, means)
  return true
}

/** The shares of other machines that the container mounts. */
function sharesOf({ volumes }: PodEntry, { volumeMounts = [] }: Container): readonly string[] {
  return volumeMounts.map(({ name }) => volumes?.get(name)?.share).filter(share => share !== undefined)
}

/** Upstream sets no limit to a postStart hook; the pod's end and this one do. */
const POST_START_TIMEOUT_MS = 10 * 60_000

async function runPostStart(
  entry: PodEntry,
  container: Container,
  id: string,
  { runtime, observed, clock, record }: CarryOutMeans,
  signal: AbortSignal,
): Promise<void> {
  const postStart = container.lifecycle?.postStart
  if (postStart === undefined) return
  const ip = observed.pod(entry.uid).sandboxes.find(({ state }) => state === 'ready')?.ip
  try {
    await runHook(postStart, { id, container, ip }, POST_START_TIMEOUT_MS, { runtime, clock, signal })
  } catch (error) {
    if (signal.aborted) return
    record(
      entry.pod,
      'Warning',
      'FailedPostStartHook',
      `PostStartHook failed: ${messageOf(error)}`,
      container.name,
    )
    entry.setNote(container.name, { condemned: { id, message: 'FailedPostStartHook', graceMs: undefined } })
  }
}
