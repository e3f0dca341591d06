import {
  formatAge,
  type Node,
  type Pod,
  parseTime,
  podRequests,
  type ResourceAmounts,
  resourceAmounts,
} from '../../kube/index.ts'

/** A host as `bowline host list` tells of it. */
export interface HostSummary {
  readonly name: string
  /** `Ready`, `NotReady`, `Unknown`; `NotReady` for one that never said. */
  readonly state: 'Ready' | 'NotReady' | 'Unknown'
  readonly cordoned: boolean
  readonly address: string
  /** Pods that have not ended, and how many there may be. */
  readonly pods: number
  readonly maxPods: number
  /** What the pods ask for of what there is, in percent. */
  readonly cpuPercent: number
  readonly memoryPercent: number
  readonly version: string
  readonly age: string
  /** Why it is not ready, under pressure, or will lose its pods; empty when all is well. */
  readonly remark: string
}

const PRESSURES: ReadonlySet<string> = new Set(['MemoryPressure', 'DiskPressure', 'PIDPressure'])
const LOST_TAINTS: ReadonlySet<string> = new Set([
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
])
/** What every pod tolerates of a lost host, unless it says otherwise. */
const TOLERATED_MS = 300_000

/** Sums up a host and the pods that are bound to it. Pure. */
export function summarizeHost(node: Node, pods: readonly Pod[], now: number): HostSummary {
  const { metadata, spec, status } = node
  const own = pods.filter(pod => pod.spec?.nodeName === metadata.name && !isOver(pod))
  const allocatable = resourceAmounts(status?.allocatable)
  const requested = own.map(podRequests)
  const created = parseTime(metadata.creationTimestamp)
  return {
    name: metadata.name ?? '',
    state: stateOf(node),
    cordoned: spec?.unschedulable === true,
    address: status?.addresses?.find(({ type }) => type === 'InternalIP')?.address ?? '',
    pods: own.length,
    maxPods: allocatable.get('pods') ?? 0,
    cpuPercent: percent(requested, allocatable, 'cpu'),
    memoryPercent: percent(requested, allocatable, 'memory'),
    version: status?.nodeInfo?.kubeletVersion ?? '',
    age: created === undefined ? '' : formatAge(now - created),
    remark: remarkOf(node, now),
  }
}

export function isOver({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

function stateOf({ status }: Node): HostSummary['state'] {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status
  return ready === 'True' ? 'Ready' : ready === 'Unknown' ? 'Unknown' : 'NotReady'
}

function remarkOf(node: Node, now: number): string {
  const conditions = node.status?.conditions ?? []
  const ready = conditions.find(({ type }) => type === 'Ready')
  const remarks = conditions
    .filter(({ type, status }) => PRESSURES.has(type) && status === 'True')
    .map(({ type, message }) => `${type}: ${message ?? ''}`)
  if (ready === undefined) remarks.unshift('its agent has not reported yet')
  else if (ready.status === 'Unknown') {
    const since = parseTime(ready.lastTransitionTime)
    const silent = since === undefined ? '' : ` for ${formatAge(now - since)}`
    remarks.unshift(`its agent is silent${silent}; ${fateOf(node, now)}`)
  } else if (ready.status === 'False') remarks.unshift(ready.message ?? ready.reason ?? 'not ready')
  const isOut = node.spec?.taints?.some(({ key }) => key === 'node.kubernetes.io/out-of-service')
  if (isOut) remarks.push('declared out of service')
  return remarks.join('; ')
}

/** What becomes of the pods of a host that is lost. */
function fateOf({ spec }: Node, now: number): string {
  const taint = spec?.taints?.find(({ key, effect }) => effect === 'NoExecute' && LOST_TAINTS.has(key))
  const since = parseTime(taint?.timeAdded)
  if (since === undefined) return 'its pods stay bound to it for now'
  const left = since + TOLERATED_MS - now
  return left > 0
    ? `its pods are replaced elsewhere in ${formatAge(left)}`
    : 'its pods are replaced elsewhere, but for those whose data lies there'
}

function percent(
  requested: readonly ResourceAmounts[],
  allocatable: ResourceAmounts,
  resource: string,
): number {
  const all = allocatable.get(resource) ?? 0
  const sum = requested.reduce((total, amounts) => total + (amounts.get(resource) ?? 0), 0)
  return all === 0 ? 0 : Math.round((sum / all) * 100)
}
