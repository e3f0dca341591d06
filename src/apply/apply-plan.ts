import { BowlineError, backoffMs, type Clock, hasCode, isAborted, Limit, messageOf } from '../base/index.ts'
import type { Client } from '../client/index.ts'
import type { Change, Plan } from '../diff/index.ts'
import {
  findKind,
  isConflict,
  isNotFound,
  isTransient,
  type Kind,
  type KubeObject,
  type ObjectRef,
  refKey,
} from '../kube/index.ts'
import type { Outcome, OutcomeWord } from './outcome.ts'

/** The one field manager by which Bowline writes what Git declares. */
export const FIELD_MANAGER = 'bowline'

/** Attempts at one write before it counts as failed, and the waits between them. */
const ATTEMPTS = 5
const RETRY = { initialMs: 100, maxMs: 2_000 }

/** Writes in flight at once; enough to share the store's group commits, few enough to leave room for others. */
const IN_FLIGHT = 16

export interface ApplyOptions {
  readonly plan: Plan
  /** The desired object of every `create` and `configure`, by `refKey`. */
  readonly desired: (ref: ObjectRef) => KubeObject | undefined
  /** The uid of what a `delete` may remove; undefined when it is gone already. */
  readonly liveUid: (ref: ObjectRef) => string | undefined
  readonly client: Client
  readonly clock: Clock
  /** Aborts when a newer commit wants the lane: what was not begun is `skipped`. */
  readonly signal: AbortSignal
  /** Called with each outcome as it happens, before the next write of the same object. */
  readonly onOutcome: (outcome: Outcome) => void
}

/**
 * Carries a plan out through the client, in the plan's order: neighbours of one kind and action run side by side, the next
 * group begins when they have ended. One outcome per change that is not `keep`; one failure never stops the others, but
 * nothing is deleted after a failure, so that an app is never torn down by half a deploy. Never throws for a change.
 */
export async function applyPlan(options: ApplyOptions): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = []
  const limit = new Limit(IN_FLIGHT)
  for (const group of groupChanges(options.plan.changes)) {
    const failed = outcomes.some(outcome => outcome.outcome === 'failed')
    const ended = group.map(change =>
      limit.run(async () => {
        const outcome = await applyChange(change, failed, options)
        outcomes.push(outcome)
        options.onOutcome(outcome)
      }),
    )
    await Promise.all(ended)
  }
  return outcomes
}

/** Runs of neighbouring changes with the same action and kind, without the `keep`s. */
function groupChanges(changes: readonly Change[]): Change[][] {
  const groups: Change[][] = []
  let group: Change[] = []
  for (const change of changes) {
    if (change.action === 'keep') continue
    const first = group[0]
    if (first !== undefined && (first.action !== change.action || first.ref.kind !== change.ref.kind))
      group = []
    if (group.length === 0) groups.push(group)
    group.push(change)
  }
  return groups
}

async function applyChange(change: Change, afterFailure: boolean, options: ApplyOptions): Promise<Outcome> {
  const { clock, signal } = options
  const end = (outcome: OutcomeWord, rest: { message?: string; retryable?: boolean } = {}): Outcome => ({
    ref: change.ref,
    action: change.action,
    outcome,
    at: new Date(clock.now()).toISOString(),
    ...rest,
  })
  if (change.action === 'delete' && afterFailure)
    return end('skipped', { message: 'another change of this commit failed' })
  for (let attempt = 1; ; attempt += 1) {
    if (signal.aborted) return end('skipped', { message: 'a newer commit took over' })
    try {
      return end(await writeChange(change, options))
    } catch (error) {
      if (isAborted(error)) return end('skipped', { message: 'a newer commit took over' })
      const retryable = mayRetry(error)
      if (!retryable || attempt >= ATTEMPTS) return end('failed', { message: messageOf(error), retryable })
      await clock.sleep(backoffMs(attempt, RETRY), signal).catch(() => undefined)
    }
  }
}

async function writeChange({ action, ref }: Change, options: ApplyOptions): Promise<OutcomeWord> {
  const kind = kindOf(ref)
  const namespace = ref.namespace === undefined ? {} : { namespace: ref.namespace }
  if (action === 'delete') {
    const uid = options.liveUid(ref)
    if (uid === undefined) return 'unchanged'
    try {
      await options.client.delete(kind, ref.name, {
        ...namespace,
        propagationPolicy: 'Background',
        preconditions: { uid },
        signal: options.signal,
      })
    } catch (error) {
      if (isNotFound(error)) return 'unchanged'
      throw error
    }
    return 'deleted'
  }
  const body = options.desired(ref)
  if (body === undefined)
    throw new BowlineError(
      'internal',
      `Cannot apply ${refKey(ref)}: the plan names an object that the revision lacks`,
    )
  await options.client.patch(
    kind,
    ref.name,
    { type: 'apply', body, force: true },
    { ...namespace, fieldManager: FIELD_MANAGER, signal: options.signal },
  )
  return action === 'create' ? 'created' : 'configured'
}

function kindOf(ref: ObjectRef): Kind {
  const kind = findKind(ref.apiVersion, ref.kind)
  if (kind === undefined)
    throw new BowlineError(
      'unsupported',
      `Cannot apply ${ref.kind} ${ref.name}: this server does not serve ${ref.apiVersion}`,
    )
  return kind
}

/** A conflict on a forced apply is a race with another writer, so the same write may succeed. */
function mayRetry(error: unknown): boolean {
  return isTransient(error) || isConflict(error) || hasCode(error, 'unavailable') || hasCode(error, 'timeout')
}
