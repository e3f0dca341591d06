import { type BackoffOptions, backoffMs, messageOf } from '../../base/index.ts'
import { type Secret, TOKEN_MOUNT_PATH } from '../../kube/index.ts'
import { pullPolicy, registryAuth } from '../containers/image.ts'
import type { References } from '../references.ts'
import type { AssignedPod } from './assigned-pod.ts'
import type { CarryOutMeans } from './means.ts'
import type { PodEntry } from './pod-entry.ts'
import type { Step } from './step.ts'

/** kubelet: 10 s doubled to 300 s between attempts at an image. */
const PULL_BACKOFF: BackoffOptions = { initialMs: 10_000, maxMs: 300_000 }

/** Sees to it that the image of a container's next attempt is at hand, as its pull policy says. */
export async function pullImage(
  entry: PodEntry,
  { container, attempt }: Extract<Step, { type: 'pull-image' }>,
  means: CarryOutMeans,
  signal: AbortSignal,
): Promise<void> {
  const { runtime, clock, record, pulls } = means
  const { name, image = '' } = container
  const { pod } = entry
  if (runtime.name === 'process') {
    if (attempt === 0)
      record(
        pod,
        'Warning',
        'ImageIgnored',
        `Image "${image}" is ignored: the process runtime runs commands of this host`,
        name,
      )
    // A token in every pod is nobody's wish, and no news where nothing is mounted.
    const wished = (container.volumeMounts ?? []).filter(({ mountPath }) => mountPath !== TOKEN_MOUNT_PATH)
    if (attempt === 0 && wished.length > 0)
      record(
        pod,
        'Warning',
        'MountsIgnored',
        'Volume mounts are ignored: the process runtime mounts nothing on this host',
        name,
      )
    return entry.setNote(name, { imageFor: attempt, waiting: undefined })
  }
  const policy = pullPolicy(container)
  const present = await runtime.imageStatus(image)
  if (present !== undefined && policy !== 'Always') {
    record(pod, 'Normal', 'Pulled', `Container image "${image}" already present on machine`, name)
    return entry.setNote(name, { imageFor: attempt, waiting: undefined })
  }
  if (policy === 'Never') {
    const message = `Container image "${image}" is not present with pull policy of Never`
    record(pod, 'Warning', 'ErrImageNeverPull', message, name)
    record(pod, 'Warning', 'Failed', 'Error: ErrImageNeverPull', name)
    const retryAt = clock.now() + backoffMs(entry.countFailure(`pull ${name}`), PULL_BACKOFF)
    return entry.setNote(name, { waiting: { reason: 'ErrImageNeverPull', message }, retryAt })
  }
  const askedAt = clock.now()
  try {
    const auth = registryAuth(image, await pullSecrets(pod, means.references))
    await pulls.run(async () => {
      signal.throwIfAborted()
      record(pod, 'Normal', 'Pulling', `Pulling image "${image}"`, name)
      const beganAt = clock.now()
      const { id } = await runtime.pullImage(image, auth, signal)
      if (id !== present?.id) means.imagePulled(id)
      const [took, all] = [clock.now() - beganAt, clock.now() - askedAt].map(ms => `${ms / 1000}s`)
      record(
        pod,
        'Normal',
        'Pulled',
        `Successfully pulled image "${image}" in ${took} (${all} including waiting)`,
        name,
      )
    })
    entry.failures.delete(`pull ${name}`)
    entry.setNote(name, { imageFor: attempt, waiting: undefined })
  } catch (error) {
    if (signal.aborted) return
    const message = messageOf(error)
    record(pod, 'Warning', 'Failed', `Failed to pull image "${image}": ${message}`, name)
    record(pod, 'Warning', 'Failed', 'Error: ErrImagePull', name)
    const retryAt = clock.now() + backoffMs(entry.countFailure(`pull ${name}`), PULL_BACKOFF)
    entry.setNote(name, { waiting: { reason: 'ErrImagePull', message }, retryAt })
  }
}

async function pullSecrets(pod: AssignedPod, references: References): Promise<readonly Secret[]> {
  const objects = references.of(pod.metadata.namespace)
  const names = (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => name ?? [])
  const secrets = await Promise.all(names.map(name => objects.secret(name)))
  return secrets.filter(secret => secret !== undefined)
}
