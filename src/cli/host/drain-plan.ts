import { isLeaving, labelSelectorFromObject, matchesLabels, type Pod } from '../../kube/index.ts'
import { isOver } from './host-summary.ts'

/** What a drain knows of a pod beyond the pod itself. */
export interface PodFacts {
  readonly pod: Pod
  /** Its ReplicaSet makes a replacement before the pod goes. */
  readonly surges: boolean
  /** Why it cannot run anywhere else; undefined when it can. */
  readonly bound: string | undefined
}

export type DrainStep =
  /** Its ReplicaSet is to replace it. */
  | { readonly type: 'replace'; readonly pod: Pod }
  | { readonly type: 'delete'; readonly pod: Pod }
  /** Something is under way. */
  | { readonly type: 'wait'; readonly pod: Pod; readonly why: string }
  /** Nothing will make it go. */
  | { readonly type: 'stay'; readonly pod: Pod; readonly why: string }

/**
 * What to do about each pod of a host that is drained: one at a time of each workload, a replacement before the pod where there can
 * be two at once. `unready` names the workloads (by uid) of which a pod elsewhere is not ready yet. Pure.
 */
export function planDrain(
  pods: readonly PodFacts[],
  { unready, force }: { readonly unready: ReadonlySet<string>; readonly force: boolean },
): readonly DrainStep[] {
  const steps: DrainStep[] = []
  /** Workloads of which one pod is on its way. */
  const busy = new Map<string, string>()
  const living = pods.filter(({ pod }) => !isOver(pod))
  const isEnding = ({ pod }: PodFacts) => pod.metadata.deletionTimestamp !== undefined
  const ordered = [
    ...living.filter(isEnding),
    ...living.filter(one => !isEnding(one) && isLeaving(one.pod)),
    ...living.filter(one => !isEnding(one) && !isLeaving(one.pod)),
  ]
  for (const facts of ordered) {
    const step = stepOf(facts, busy, unready, force)
    steps.push(step)
    if (step.type !== 'stay') busy.set(workloadOf(facts.pod), step.pod.metadata.name ?? '')
  }
  return steps
}

function stepOf(
  { pod, surges, bound }: PodFacts,
  busy: ReadonlyMap<string, string>,
  unready: ReadonlySet<string>,
  force: boolean,
): DrainStep {
  const wait = (why: string): DrainStep => ({ type: 'wait', pod, why })
  const workload = workloadOf(pod)
  if (pod.metadata.deletionTimestamp !== undefined) return wait('it is ending')
  if (bound !== undefined && !force) return { type: 'stay', pod, why: bound }
  if (workload === '' && !force)
    return { type: 'stay', pod, why: 'no controller would replace it: delete it, or drain with --force' }
  if (isLeaving(pod)) return wait('its replacement is not ready yet')
  const other = busy.get(workload)
  if (other !== undefined && workload !== '') return wait(`${other} goes first`)
  if (surges && bound === undefined) return { type: 'replace', pod }
  if (unready.has(workload)) return wait('another pod of its workload is not ready yet')
  return { type: 'delete', pod }
}

/** Whether a pod keeps others of its kind away: with one on every host a replacement finds none before it goes. */
export function keepsItsOwnAway({ metadata, spec }: Pod): boolean {
  const terms = spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  return terms.some(({ labelSelector }) =>
    matchesLabels(labelSelectorFromObject(labelSelector), metadata.labels),
  )
}

/** The uid of its controller; empty without one. */
export function workloadOf({ metadata }: Pod): string {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid ?? ''
}
