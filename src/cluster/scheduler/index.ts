/**
 * Picks a node for each pod that has none, by filters and scores that can explain themselves. `pickNode` is the pure core;
 * the Scheduler feeds it from informers, binds through `pods/binding` and notes on a pod why no node can take it.
 *
 *     const scheduler = startScheduler({ client, informers, clock, log })
 *     await scheduler.start(signal)
 */
import type { Service } from '../../base/index.ts'
import { Scheduler, type SchedulerOptions } from './scheduler.ts'

export { NodeState, type PodFacts, podFacts } from './node-state.ts'
export { type Choice, explainRefusals, pickNode, type Refusal } from './pick-node.ts'
export { packingProfile, type SchedulerProfile, spreadingProfile } from './profiles.ts'
export type { SchedulerOptions } from './scheduler.ts'

/** The scheduler as a service over shared informers, which whoever made them runs. */
export function startScheduler(options: SchedulerOptions): Service {
  return new Scheduler(options)
}
