import type { Clock } from '../base/index.ts'
import type { ContainerStatus as KubeContainerStatus } from '../kube/index.ts'
import { StatusError } from '../kube/index.ts'
import type { Runtime } from './runtime/index.ts'

export interface ContainerLogRequest {
  readonly namespace: string
  readonly pod: string
  readonly container: string
  readonly follow: boolean
  readonly previous: boolean
  readonly timestamps: boolean
  readonly tailLines?: number
  readonly sinceSeconds?: number
  /** RFC 3339. */
  readonly sinceTime?: string
  readonly limitBytes?: number
}

export interface ContainerLogSources {
  readonly runtime: Runtime
  readonly clock: Clock
  /** How the containers of a pod of this node are; undefined for a pod that is not here. */
  readonly statuses: (namespace: string, pod: string) => readonly KubeContainerStatus[] | undefined
}

/** Reads `/containerLogs/<namespace>/<pod>/<container>?…`; undefined for any other path. */
export function parseLogPath(path: string): ContainerLogRequest | undefined {
  const url = new URL(path, 'http://agent')
  const [root, ...parts] = url.pathname.split('/').filter(Boolean)
  const [namespace, pod, container] = parts.map(decodeURIComponent)
  if (root !== 'containerLogs' || parts.length !== 3 || !namespace || !pod || !container) return undefined
  const query = url.searchParams
  const flag = (name: string) => ['true', '1'].includes(query.get(name) ?? '')
  const number = (name: string) => {
    const text = query.get(name)
    return text === null || !/^\d+$/.test(text) ? {} : { [name]: Number(text) }
  }
  const sinceTime = query.get('sinceTime')
  return {
    namespace,
    pod,
    container,
    follow: flag('follow'),
    previous: flag('previous'),
    timestamps: flag('timestamps'),
    ...number('tailLines'),
    ...number('sinceSeconds'),
    ...number('limitBytes'),
    ...(sinceTime === null ? {} : { sinceTime }),
  }
}

/**
 * A container's output as `kubectl logs` shows it. What cannot be shown is a StatusError in kubelet's words, thrown before the first
 * chunk. Ends when the container ends (with `follow`), when the limit is reached, or when `signal` aborts.
 */
export async function* readContainerLogs(
  request: ContainerLogRequest,
  { runtime, clock, statuses }: ContainerLogSources,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const { namespace, pod, container, sinceSeconds, sinceTime, tailLines } = request
  const found = statuses(namespace, pod)
  if (found === undefined) throw new StatusError('NotFound', `pod "${namespace}/${pod}" not found`)
  const status = found.find(({ name }) => name === container)
  if (status === undefined)
    throw new StatusError('BadRequest', `container ${container} is not valid for pod ${pod}`)
  const id = loggedContainer(request, status)
  const sinceMs =
    sinceTime !== undefined
      ? Date.parse(sinceTime)
      : sinceSeconds !== undefined
        ? clock.now() - sinceSeconds * 1000
        : undefined
  const options = {
    follow: request.follow,
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(sinceMs === undefined || Number.isNaN(sinceMs) ? {} : { sinceMs }),
  }
  let left = request.limitBytes ?? Number.POSITIVE_INFINITY
  for await (const line of runtime.logs(id, options, signal)) {
    const text = request.timestamps ? `${line.time} ${line.text}` : line.text
    const size = Buffer.byteLength(text)
    if (size >= left) {
      yield Buffer.from(text).subarray(0, left).toString('utf8')
      return
    }
    left -= size
    yield text
  }
}

/** kubelet's `validateContainerLogStatus`: which run is meant, or why there is none. */
function loggedContainer(
  { container, pod, previous }: ContainerLogRequest,
  { state, lastState, containerID }: KubeContainerStatus,
): string {
  const last = lastState?.terminated?.containerID
  if (previous) {
    if (last) return withoutScheme(last)
    throw new StatusError(
      'BadRequest',
      `previous terminated container "${container}" in pod "${pod}" not found`,
    )
  }
  if (state?.running !== undefined && containerID) return withoutScheme(containerID)
  if (state?.terminated?.containerID) return withoutScheme(state.terminated.containerID)
  if (last) return withoutScheme(last)
  const reason = state?.waiting?.reason ?? 'ContainerCreating'
  const why = WAITING_WORDS[reason] ?? reason
  throw new StatusError('BadRequest', `container "${container}" in pod "${pod}" is waiting to start: ${why}`)
}

const WAITING_WORDS: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
}

function withoutScheme(containerID: string): string {
  return containerID.slice(containerID.indexOf('://') + 3)
}
