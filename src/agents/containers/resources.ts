import { type Container, parseQuantity, quantityToNumber } from '../../kube/index.ts'
import type { AssignedPod } from '../pods/assigned-pod.ts'

/** What a container's resources mean to an engine. */
export interface EngineResources {
  readonly cpuShares: number
  /** Microseconds of CPU per 100 ms. */
  readonly cpuQuotaMicros?: number
  readonly memoryBytes?: number
  readonly oomScoreAdj: number
}

/** kubelet `cm/helpers_linux.go`. */
const MIN_CPU_SHARES = 2
const MAX_CPU_SHARES = 262_144
const CPU_PERIOD_MICROS = 100_000
const MIN_CPU_QUOTA_MICROS = 1000

/** kubelet's shares, quota, limit and out-of-memory score for a container of this pod on a node with so much memory. */
export function engineResources(
  pod: AssignedPod,
  container: Container,
  nodeMemoryBytes: number,
): EngineResources {
  const { requests = {}, limits = {} } = container.resources ?? {}
  const cpuRequest = amount(requests.cpu ?? limits.cpu) ?? 0
  const cpuLimit = amount(limits.cpu)
  const memoryLimit = amount(limits.memory)
  const memoryRequest = amount(requests.memory) ?? memoryLimit ?? 0
  return {
    cpuShares: clamp(Math.floor(cpuRequest * 1024), MIN_CPU_SHARES, MAX_CPU_SHARES),
    ...(cpuLimit
      ? { cpuQuotaMicros: Math.max(MIN_CPU_QUOTA_MICROS, Math.floor(cpuLimit * CPU_PERIOD_MICROS)) }
      : {}),
    ...(memoryLimit ? { memoryBytes: Math.floor(memoryLimit) } : {}),
    oomScoreAdj: oomScore(qosClass(pod), memoryRequest, nodeMemoryBytes),
  }
}

/** Guaranteed: every container has cpu and memory limits that equal its requests. BestEffort: none says anything of either. */
export function qosClass(pod: AssignedPod): 'BestEffort' | 'Burstable' | 'Guaranteed' {
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  const declared = containers.flatMap(({ resources }) => [resources?.requests ?? {}, resources?.limits ?? {}])
  if (declared.every(amounts => !amount(amounts.cpu) && !amount(amounts.memory))) return 'BestEffort'
  return containers.every(isGuaranteed) ? 'Guaranteed' : 'Burstable'
}

/** A quantity as a number of its unit (cores, bytes); undefined when it is absent. */
function amount(quantity: string | undefined): number | undefined {
  return quantity === undefined ? undefined : quantityToNumber(parseQuantity(quantity))
}

function isGuaranteed({ resources }: Container): boolean {
  const { requests = {}, limits = {} } = resources ?? {}
  return (['cpu', 'memory'] as const).every(name => {
    const limit = amount(limits[name])
    return Boolean(limit) && (amount(requests[name]) ?? limit) === limit
  })
}

function oomScore(qos: ReturnType<typeof qosClass>, memoryRequest: number, nodeMemoryBytes: number): number {
  if (qos === 'Guaranteed') return -997
  if (qos === 'BestEffort') return 1000
  return clamp(Math.floor(1000 - (1000 * memoryRequest) / nodeMemoryBytes), 2, 999)
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value))
}
