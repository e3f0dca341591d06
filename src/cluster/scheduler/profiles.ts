import {
  balancedAllocation,
  fewerTaints,
  leastAllocated,
  mostAllocated,
  preferredAffinity,
  type Score,
  spreadReplicas,
} from './scores.ts'

/** How one `spec.schedulerName` chooses among the nodes that can take a pod. */
export interface SchedulerProfile {
  readonly schedulerName: string
  readonly scores: readonly { readonly score: Score; readonly weight: number }[]
}

/** Preferences that the pod or the node states count alike in both profiles, with upstream's weights. */
const STATED: SchedulerProfile['scores'] = [
  { score: fewerTaints, weight: 3 },
  { score: preferredAffinity, weight: 2 },
]

/** Spreads: the emptiest nodes first, and replicas on different nodes above all. Upstream's name, for pods that name none. */
export const spreadingProfile: SchedulerProfile = {
  schedulerName: 'default-scheduler',
  scores: [
    ...STATED,
    { score: leastAllocated, weight: 1 },
    { score: balancedAllocation, weight: 1 },
    // Outweighs the two above together, as long as the nodes' counts differ by no more than two.
    { score: spreadReplicas, weight: 4 },
  ],
}

/** Packs: the fullest nodes first, so that others stay empty. */
export const packingProfile: SchedulerProfile = {
  schedulerName: 'bowline-packing',
  scores: [...STATED, { score: mostAllocated, weight: 1 }],
}
