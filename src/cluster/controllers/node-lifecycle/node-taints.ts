import { formatTime, type Node, type Taint } from '../../../kube/index.ts'

const NOT_READY = 'node.kubernetes.io/not-ready'
const UNREACHABLE = 'node.kubernetes.io/unreachable'
const UNSCHEDULABLE = 'node.kubernetes.io/unschedulable'

/** The taint that each condition brings while it holds (kubernetes `node_lifecycle_controller.go`). */
const PRESSURES: readonly { readonly condition: string; readonly taint: string }[] = [
  { condition: 'MemoryPressure', taint: 'node.kubernetes.io/memory-pressure' },
  { condition: 'DiskPressure', taint: 'node.kubernetes.io/disk-pressure' },
  { condition: 'PIDPressure', taint: 'node.kubernetes.io/pid-pressure' },
  { condition: 'NetworkUnavailable', taint: 'node.kubernetes.io/network-unavailable' },
]

/** The taints with effect NoSchedule that are kept here; all others on a node are someone else's. */
const OWN_NO_SCHEDULE: ReadonlySet<string> = new Set([
  NOT_READY,
  UNREACHABLE,
  UNSCHEDULABLE,
  ...PRESSURES.map(({ taint }) => taint),
])

/** `not-ready` or `unreachable`, by the node's Ready condition; undefined for a ready node. One that has yet to report is not ready. */
function readinessTaint(node: Node): string | undefined {
  const status = conditionStatus(node, 'Ready')
  if (status === 'True') return undefined
  return status === 'Unknown' ? UNREACHABLE : NOT_READY
}

/** Whether the node reported that it is not ready, or was given up. */
export function isLost(node: Node): boolean {
  const status = conditionStatus(node, 'Ready')
  return status === 'False' || status === 'Unknown'
}

/** Whether the node has one of the taints that evict its pods. */
export function isEvicting(node: Node): boolean {
  return (node.spec?.taints ?? []).some(isEvictionTaint)
}

/**
 * The taints that a node should have: NoSchedule by its conditions and its cordon, and NoExecute by its readiness if
 * `evict` allows. Those that stay are kept as they are, with the time they were added. Undefined when nothing differs.
 */
export function nextTaints(node: Node, evict: boolean, now: number): readonly Taint[] | undefined {
  const taints = node.spec?.taints ?? []
  const wanted: Pick<Taint, 'key' | 'effect'>[] = []
  const readiness = readinessTaint(node)
  if (readiness !== undefined) wanted.push({ key: readiness, effect: 'NoSchedule' })
  for (const { condition, taint } of PRESSURES)
    if (conditionStatus(node, condition) === 'True') wanted.push({ key: taint, effect: 'NoSchedule' })
  if (node.spec?.unschedulable) wanted.push({ key: UNSCHEDULABLE, effect: 'NoSchedule' })
  if (readiness !== undefined && evict) wanted.push({ key: readiness, effect: 'NoExecute' })

  const isWanted = (taint: Taint) => wanted.some(one => one.key === taint.key && one.effect === taint.effect)
  const isOwn = (taint: Taint) =>
    isEvictionTaint(taint) || (taint.effect === 'NoSchedule' && OWN_NO_SCHEDULE.has(taint.key))
  const kept = taints.filter(taint => !isOwn(taint) || isWanted(taint))
  const added = wanted
    .filter(one => !kept.some(taint => taint.key === one.key && taint.effect === one.effect))
    .map(one => ({ ...one, timeAdded: formatTime(now) }))
  return added.length === 0 && kept.length === taints.length ? undefined : [...kept, ...added]
}

export function conditionStatus(node: Node, type: string): 'True' | 'False' | 'Unknown' | undefined {
  return node.status?.conditions?.find(condition => condition.type === type)?.status
}

function isEvictionTaint(taint: Taint): boolean {
  return taint.effect === 'NoExecute' && (taint.key === NOT_READY || taint.key === UNREACHABLE)
}
