import {
  formatQuantity,
  parseQuantity,
  podQuantities,
  type Quantity,
  quantityToNumber,
} from '../../../kube/index.ts'
import type { AssignedPod } from '../../pods/assigned-pod.ts'

/** What a pod has written, in the parts that limits are about. */
export interface StorageUsage {
  /** Its empty folders, in bytes by the name of the volume. */
  readonly emptyDirs: ReadonlyMap<string, number>
  /** The own layers of its containers, in bytes by the name of the container. */
  readonly containers: ReadonlyMap<string, number>
}

const STORAGE = 'ephemeral-storage'

/** Whether a pod limits what it writes into empty folders, or into its containers' own layers. */
export function limitsOf(pod: AssignedPod): { readonly emptyDirs: boolean; readonly containers: boolean } {
  return {
    emptyDirs: (pod.spec.volumes ?? []).some(({ emptyDir }) => emptyDir?.sizeLimit !== undefined),
    containers: podQuantities(pod, 'limits').has(STORAGE),
  }
}

/**
 * Which limit a pod exceeds, in upstream's words and order (kubelet `eviction_manager.go`, `localStorageEviction`); undefined: none.
 * Logs are not counted: they are bounded. Pure.
 */
export function storageExcess(pod: AssignedPod, usage: StorageUsage): string | undefined {
  let total = 0
  for (const used of usage.containers.values()) total += used
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    if (emptyDir === undefined) continue
    const used = usage.emptyDirs.get(name) ?? 0
    const limit = quantityOf(emptyDir.sizeLimit)
    // None of 0 counts, as upstream.
    if (limit !== undefined && limit.nano > 0n && exceeds(used, limit))
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${formatQuantity(limit)}". `
    if (emptyDir.medium !== 'Memory') total += used
  }
  const whole = podQuantities(pod, 'limits').get(STORAGE)
  if (whole === undefined) return undefined
  if (exceeds(total, whole))
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${formatQuantity(whole)}. `
  for (const { name, resources } of pod.spec.containers) {
    const limit = quantityOf(resources?.limits?.[STORAGE])
    if (limit !== undefined && exceeds(usage.containers.get(name) ?? 0, limit))
      return `Container ${name} exceeded its local ephemeral storage limit "${formatQuantity(limit)}". `
  }
  return undefined
}

function quantityOf(text: string | undefined): Quantity | undefined {
  return text === undefined ? undefined : parseQuantity(text)
}

function exceeds(used: number, limit: Quantity): boolean {
  return used > quantityToNumber(limit)
}
