import type { AssignedPod } from '../../../src/agents/pods/assigned-pod.ts'
import { specHash } from '../../../src/agents/pods/spec-hash.ts'
import { type ContainerNotes, NO_NOTES, type PodView } from '../../../src/agents/pods/view.ts'
import type { ContainerStatus, SandboxStatus } from '../../../src/agents/runtime/index.ts'
import type { Container, PodSpec, PodStatus } from '../../../src/kube/index.ts'

/** When the views of these tests are. */
export const NOW: number = Date.parse('2026-01-31T12:00:00Z')

const identity: { uid: string; namespace: string; name: string } = {
  uid: 'uid-1',
  namespace: 'shop',
  name: 'web',
}

/** A pod of one container `app`, changed as asked. */
export function pod(
  spec: Partial<PodSpec> = {},
  rest: { status?: PodStatus; metadata?: Partial<AssignedPod['metadata']> } = {},
): AssignedPod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...identity, resourceVersion: '1', ...rest.metadata },
    spec: { containers: [container('app')], nodeName: 'host-1', ...spec },
    ...(rest.status === undefined ? {} : { status: rest.status }),
  }
}

export function container(name: string, rest: Partial<Container> = {}): Container {
  return { name, image: `${name}:1`, ...rest }
}

export function sandbox(rest: Partial<SandboxStatus> = {}): SandboxStatus {
  const attempt = rest.attempt ?? 0
  const base = { id: `sandbox-${attempt}`, pod: identity, attempt, createdAt: NOW - 60_000 }
  return rest.state === 'not-ready'
    ? { ...base, ...rest, state: 'not-ready' }
    : { ...base, state: 'ready', ip: '10.1.0.2', ...rest }
}

export function running(name: string, rest: Partial<ContainerStatus> = {}): ContainerStatus {
  const attempt = rest.attempt ?? 0
  return {
    id: `${name}-${attempt}`,
    sandboxId: 'sandbox-0',
    pod: identity,
    name,
    attempt,
    state: 'running',
    image: `${name}:1`,
    imageId: 'sha256:abc',
    specHash: specHash(container(name)),
    createdAt: NOW - 50_000,
    startedAt: NOW - 50_000,
    ...rest,
  }
}

export function exited(name: string, exitCode: number, rest: Partial<ContainerStatus> = {}): ContainerStatus {
  return running(name, { state: 'exited', exitCode, finishedAt: NOW - 1000, ...rest })
}

/** A view of a pod with mounted volumes and a ready sandbox, changed as asked. */
export function view(rest: Partial<PodView> = {}): PodView {
  return {
    pod: pod(),
    gone: false,
    sandboxes: [sandbox()],
    containers: [],
    notes: new Map(),
    busy: new Set(),
    stopping: new Map(),
    volumesMounted: true,
    home: 'here',
    podRetryAt: 0,
    failure: undefined,
    killAt: undefined,
    lastWords: new Map(),
    published: false,
    now: NOW,
    ...rest,
  }
}

export function notes(all: {
  readonly [name: string]: Partial<ContainerNotes>
}): Map<string, ContainerNotes> {
  return new Map(Object.entries(all).map(([name, note]) => [name, { ...NO_NOTES, ...note }]))
}

/** The notes of a running container that its probes call well. */
export function well(name: string, attempt = 0): Partial<ContainerNotes> {
  return { health: { id: `${name}-${attempt}`, started: true, ready: true } }
}
