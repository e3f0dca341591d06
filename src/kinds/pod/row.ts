import type { Pod } from '../../kube/generated/types.ts'
import { formatAge, summarizePod } from '../../kube/index.ts'
import {
  ageColumn,
  ageOf,
  type Cell,
  nameColumn,
  nameOf,
  type TableColumn,
  textColumn,
  wide,
} from '../table/columns.ts'

const NONE = '<none>'

export const podColumns: readonly TableColumn[] = [
  nameColumn,
  textColumn('Ready', 'Ready containers of all.'),
  textColumn('Status', 'What the pod is doing, or why it is not running.'),
  textColumn('Restarts', 'How often its containers were restarted, and when last.'),
  ageColumn,
  wide(textColumn('IP', 'Address of the pod.')),
  wide(textColumn('Node', 'Where the pod runs.')),
  wide(textColumn('Nominated Node', 'Where room is being made for the pod.')),
  wide(textColumn('Readiness Gates', 'Fulfilled readiness gates of all.')),
]

/** The cells of {@link podColumns}. */
export function podRow(pod: Pod, nowMs: number): readonly Cell[] {
  const { ready, containers, status, restarts, lastRestartAt } = summarizePod(pod)
  const ago = restarts > 0 && lastRestartAt !== undefined ? ` (${formatAge(nowMs - lastRestartAt)} ago)` : ''
  return [
    nameOf(pod),
    `${ready}/${containers}`,
    status,
    `${restarts}${ago}`,
    ageOf(pod, nowMs),
    pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || NONE,
    pod.spec?.nodeName || NONE,
    pod.status?.nominatedNodeName || NONE,
    readinessGates(pod),
  ]
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? []
  if (gates.length === 0) return NONE
  const fulfilled = gates.filter(({ conditionType }) =>
    pod.status?.conditions?.some(({ type, status }) => type === conditionType && status === 'True'),
  )
  return `${fulfilled.length}/${gates.length}`
}
