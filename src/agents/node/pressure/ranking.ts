import {
  formatQuantity,
  type Pod,
  parseQuantity,
  podRequests,
  quantityToNumber,
} from '../../../kube/index.ts'
import type { AssignedPod } from '../../pods/assigned-pod.ts'
import type { Breach } from './signals.ts'

/** What a pod uses of what runs short. */
export interface PodUsage {
  readonly pod: AssignedPod
  readonly memoryBytes: number
  readonly diskBytes: number
  /** Memory by container. */
  readonly containers: readonly { readonly name: string; readonly memoryBytes: number }[]
}

/** Above this nothing is evicted: `system-cluster-critical`. */
const CRITICAL_PRIORITY = 2_000_000_000

/**
 * The pods that may be evicted for what runs short, the first to go first (kubernetes `eviction/helpers.go`): those that use more than
 * they asked for before the others, then by priority, then by how much more they use. Pure.
 */
export function rankForEviction(
  pods: readonly PodUsage[],
  resource: Breach['resource'],
): readonly PodUsage[] {
  return pods
    .filter(({ pod }) => !isCritical(pod))
    .map(usage => ({ usage, excess: excessOf(usage, resource) }))
    .sort(
      (a, b) =>
        Number(b.excess > 0) - Number(a.excess > 0) ||
        (a.usage.pod.spec.priority ?? 0) - (b.usage.pod.spec.priority ?? 0) ||
        b.excess - a.excess,
    )
    .map(({ usage }) => usage)
}

/** Whether a pod is one of the cluster's own, which no pressure ends or keeps out. */
export function isCritical({ spec }: AssignedPod): boolean {
  return (spec.priority ?? 0) >= CRITICAL_PRIORITY
}

/** The message of an evicted pod, word by word upstream's (`evictionMessage`). */
export function evictionMessage({ pod, memoryBytes, containers }: PodUsage, breach: Breach): string {
  const { resource, threshold, available } = breach
  const text = (amount: number) => (resource === 'inodes' ? String(Math.floor(amount)) : bytes(amount))
  const low = `The node was low on resource: ${resource}. Threshold quantity: ${text(threshold)}, available: ${text(available)}. `
  if (resource !== 'memory' || memoryBytes <= requested(pod, 'memory')) return low
  const parts = containers.flatMap(({ name, memoryBytes: used }) => {
    const spec = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find(one => one.name === name)
    const request = parseQuantity(spec?.resources?.requests?.memory ?? '0')
    const asked = quantityToNumber(request)
    if (used <= asked) return []
    return [
      `Container ${name} was using ${bytes(used)}, request is ${formatQuantity(request)}, has larger consumption of memory. `,
    ]
  })
  return low + parts.join('')
}

function excessOf({ pod, memoryBytes, diskBytes }: PodUsage, resource: Breach['resource']): number {
  if (resource === 'memory') return memoryBytes - requested(pod, 'memory')
  return diskBytes - requested(pod, 'ephemeral-storage')
}

function requested(pod: Pod, resource: string): number {
  return podRequests(pod).get(resource) ?? 0
}

function bytes(amount: number): string {
  return formatQuantity(parseQuantity(`${Math.floor(amount / 1024)}Ki`))
}
