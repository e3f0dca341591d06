import { setMaxListeners } from 'node:events'
import { type Clock, Limit } from '../base/index.ts'
import type { Client } from '../client/index.ts'
import type { Change, Plan } from '../diff/index.ts'
import type { Kind, KubeObject, ObjectRef } from '../kube/index.ts'
import { applyChange } from './apply-change.ts'
import type { Outcome } from './outcome.ts'

/** Writes in flight at once; enough to share the store's group commits, few enough to leave room for others. */
const IN_FLIGHT = 16

export interface ApplyOptions {
  readonly plan: Plan
  /** The desired object of every `create` and `configure`. */
  readonly desired: (ref: ObjectRef) => KubeObject | undefined
  /** The object as the cluster holds it now: what a `delete` may remove, and what a `create` has to wait for. */
  readonly live: (ref: ObjectRef) => KubeObject | undefined
  /** The kind of an object that the plan names; undefined: it is not served. */
  readonly kindOf: (ref: ObjectRef) => Kind | undefined
  readonly client: Client
  readonly clock: Clock
  /** Aborts when the attempt has to end; its reason says why. What was not begun is `skipped`. */
  readonly signal: AbortSignal
  /** Asks what would become of it, and changes nothing. */
  readonly dryRun?: boolean
  /** Called with each outcome as it happens. */
  readonly onOutcome: (outcome: Outcome) => void
  /** Called when a group of changes has ended and before the next begins. */
  readonly onGroup?: () => Promise<void>
}

/**
 * Carries a plan out through the client, in the plan's order: neighbours of one kind and action run side by side, the next
 * group begins when they have ended. One outcome per change that is not `keep`; one failure never stops the others, but
 * nothing is deleted after a failure, so that an app is never torn down by half a deploy. Never throws for a change.
 */
export async function applyPlan(options: ApplyOptions): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  const limit = new Limit(IN_FLIGHT)
  // Every write in flight listens to it: that is no leak.
  setMaxListeners(0, options.signal)
  for (const group of groupChanges(options.plan.changes)) {
    const isAfterFailure = outcomes.some(({ outcome }) => outcome === 'failed')
    const ended = group.map(change =>
      limit.run(async () => {
        const outcome = await applyChange(change, { ...options, isAfterFailure })
        outcomes.push(outcome)
        options.onOutcome(outcome)
      }),
    )
    await Promise.all(ended)
    await options.onGroup?.()
  }
  return outcomes
}

/** Runs of neighbouring changes with the same action and kind, without the `keep`s. */
function groupChanges(changes: readonly Change[]): readonly (readonly Change[])[] {
  const groups: Change[][] = []
  let group: Change[] = []
  for (const change of changes) {
    if (change.action === 'keep') continue
    const first = group[0]
    if (first?.action !== change.action || first.ref.kind !== change.ref.kind) {
      group = []
      groups.push(group)
    }
    group.push(change)
  }
  return groups
}
