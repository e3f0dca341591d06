import { createHash } from 'node:crypto'
import type { PodIdentity } from '../runtime.ts'

/** Whose containers these are. Everything that is listed or touched carries both. */
export interface Owner {
  readonly clusterUid: string
  readonly nodeName: string
}

/** What a container of ours is: a pod's sandbox, a pod's container, or the one that keeps the network in use. */
export type ContainerType = 'sandbox' | 'container' | 'anchor'

export const Labels = {
  cluster: 'bowline.dev/cluster',
  node: 'bowline.dev/node',
  type: 'bowline.dev/type',
  podUid: 'bowline.dev/pod-uid',
  podNamespace: 'bowline.dev/pod-namespace',
  podName: 'bowline.dev/pod-name',
  container: 'bowline.dev/container',
  attempt: 'bowline.dev/attempt',
  specHash: 'bowline.dev/spec-hash',
  home: 'bowline.dev/home',
  /** On a pod's container: the id of the sandbox whose network it joined. */
  sandbox: 'bowline.dev/sandbox',
  /** On a sandbox that the agent wires itself: the pod's address. */
  address: 'bowline.dev/address',
} as const

export type LabelMap = Readonly<Record<string, string | undefined>>

/** The body of a create call, of which the labels are read again. */
export interface CreateBody {
  readonly Labels: LabelMap
  readonly [field: string]: unknown
}

export function ownerLabels(owner: Owner, type: ContainerType): Record<string, string> {
  return { [Labels.cluster]: owner.clusterUid, [Labels.node]: owner.nodeName, [Labels.type]: type }
}

export function podLabels(pod: PodIdentity, attempt: number): Record<string, string> {
  return {
    [Labels.podUid]: pod.uid,
    [Labels.podNamespace]: pod.namespace,
    [Labels.podName]: pod.name,
    [Labels.attempt]: String(attempt),
  }
}

/** The engine's filter for what carries all of these labels. */
export function labelFilter(labels: LabelMap): { label: string[] } {
  return { label: Object.entries(labels).map(([name, value]) => `${name}=${value}`) }
}

export function podOf(labels: LabelMap): PodIdentity {
  return {
    uid: labels[Labels.podUid] ?? '',
    namespace: labels[Labels.podNamespace] ?? '',
    name: labels[Labels.podName] ?? '',
  }
}

export function attemptOf(labels: LabelMap): number {
  return Number(labels[Labels.attempt] ?? 0)
}

export function isOwnedBy(owner: Owner, labels: LabelMap): boolean {
  return labels[Labels.cluster] === owner.clusterUid && labels[Labels.node] === owner.nodeName
}

/** The word that stands for a pod's sandbox where the name of a container would be, as in Kubernetes. */
const SANDBOX = 'POD'

/**
 * Names are derived, so that a create that was repeated meets what it made before. They read as cri-dockerd's do; the
 * end tells clusters and nodes on one engine apart.
 */
export function sandboxName(owner: Owner, pod: PodIdentity, attempt: number): string {
  return containerName(owner, pod, SANDBOX, attempt)
}

export function containerName(owner: Owner, pod: PodIdentity, name: string, attempt: number): string {
  return `bowline_${name}_${pod.name}_${pod.namespace}_${pod.uid}_${attempt}_${scopeOf(owner)}`
}

export function anchorName(owner: Owner): string {
  return `bowline_anchor_${scopeOf(owner)}`
}

/** The network that all nodes of a cluster share on one engine. */
export function networkName(clusterUid: string): string {
  return `bowline_${digest(clusterUid)}`
}

/** Exists while an agent makes what all nodes of a cluster share. */
export function lockName(clusterUid: string): string {
  return `bowline_lock_${digest(clusterUid)}`
}

function scopeOf(owner: Owner): string {
  return digest(`${owner.clusterUid}\0${owner.nodeName}`)
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
