import type { Client } from '../client/index.ts'
import { Kinds, type Pod } from '../kube/index.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'

/** A pod that no host can take, and why. */
export interface WaitingPod {
  readonly namespace: string
  readonly pod: string
  readonly message: string
}

/** Pods that are listed; the rest is counted. */
const MAX_LISTED = 10

export async function waitingPods(client: Client): Promise<readonly WaitingPod[]> {
  const { items } = await client.list(Kinds.Pod, { fieldSelector: 'spec.nodeName=' })
  return items.flatMap(waitOf)
}

function waitOf({ metadata: { name = '', namespace = '' }, status }: Pod): readonly WaitingPod[] {
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.status !== 'False') return []
  return [{ namespace, pod: name, message: scheduled.message ?? scheduled.reason ?? '' }]
}

export function printWaiting(waiting: readonly WaitingPod[], { print }: Terminal): void {
  if (waiting.length === 0) return
  print('')
  const rows = waiting
    .slice(0, MAX_LISTED)
    .map(({ namespace, pod, message }) => [`${namespace}/${pod}`, message])
  for (const line of table(['POD WITHOUT A HOST', 'WHY'], rows)) print(line)
  if (waiting.length > MAX_LISTED) print(`and ${waiting.length - MAX_LISTED} more`)
}
