import { applyPlan, type HealthResult, type Outcome, waitForHealth } from '../../apply/index.ts'
import type { RecordState } from '../../audit/index.ts'
import { BowlineError, type Clock, messageOf } from '../../base/index.ts'
import type { Client } from '../../client/index.ts'
import { isEmptyPlan, type Plan } from '../../diff/index.ts'
import { describeRef, type KubeObject, type ObjectRef, refKey } from '../../kube/index.ts'
import type { InventoryEntry } from '../inventory.ts'
import type { HealthTracker } from '../live/health-tracker.ts'
import type { AppTarget } from '../source/app-target.ts'
import type { Attempt } from './attempt.ts'
import { goneAmong, type PlanParts, planTarget, undeclaredBy } from './plan-target.ts'
import type { RepairPace } from './repair-pace.ts'
import type { Suspects } from './suspects.ts'

export interface CarryOutParts extends PlanParts {
  readonly client: Client
  readonly clock: Clock
  readonly health: HealthTracker
  readonly suspects: Suspects
  readonly pace: RepairPace
  /** Aborts when the process ends: nothing is waited for any more. */
  readonly stopping: AbortSignal
}

export interface WorkOrder {
  readonly target: AppTarget
  readonly plan: Plan
  /** What the inventory is told before the first write. */
  readonly entries: ReadonlyMap<string, InventoryEntry>
  readonly attempt: Attempt
  readonly deadlineMs: number
  /** Ends the work; its reason is a {@link Takeover}. */
  readonly signal: AbortSignal
  /** Called when everything is written. */
  readonly onWritten: () => void
  /** Called when everything is healthy, though what is replaced may still be ending. */
  readonly onHealthy: () => void
}

/** How the work on one record ended. */
export interface WorkEnd {
  readonly state: Exclude<RecordState, 'Open' | 'Held'>
  /** One sentence. */
  readonly message: string
  /** Writes that failed. */
  readonly failed: readonly Outcome[]
}

/** Why work is ended before its end. */
export class Takeover extends BowlineError {
  readonly state: 'Superseded' | 'Interrupted'

  constructor(state: 'Superseded' | 'Interrupted') {
    super('aborted', state === 'Superseded' ? 'a newer commit took over' : 'the server was stopped')
    this.name = 'Takeover'
    this.state = state
  }
}

/** How often the ends of what is replaced are looked at; every change of a pod is a hint as well. */
const LOOK_AGAIN_MS = 5_000

/**
 * Carries a plan out under its open record: takes ownership, writes, waits for health (repairing what drifts meanwhile), and waits
 * for what is replaced to end, so that the record tells all of it. The caller closes the record.
 */
export async function carryOut(order: WorkOrder, parts: CarryOutParts): Promise<WorkEnd> {
  const { target, plan, entries, attempt } = order
  const { inventory } = parts
  await inventory.put([...entries.values()])
  const leaving = undeclaredBy(target, parts)
  const outcomes = await write(order, parts, plan, outcome => attempt.addOutcome(outcome))
  await inventory.remove(target.app, goneAmong(leaving, parts))
  const failed = new Map<string, Outcome>()
  noteFailures(failed, outcomes)
  const end = await endOf({ ...order, leaving, failed }, parts)
  await inventory.remove(target.app, goneAmong(leaving, parts))
  return { ...end, failed: [...failed.values()] }
}

/** An order whose writes were tried, with the owned objects that its target does not declare. */
interface WrittenOrder extends WorkOrder {
  readonly leaving: ReadonlyMap<string, ObjectRef>
  /** The last writes that failed, by `refKey`; repairs add to it and take away. */
  readonly failed: Map<string, Outcome>
}

async function endOf(order: WrittenOrder, parts: CarryOutParts): Promise<Omit<WorkEnd, 'failed'>> {
  const { signal, attempt, failed } = order
  if (signal.aborted) return takenOver(signal)
  if (failed.size > 0) return { state: 'Failed', message: describeFailures(failed) }
  await parts.health.examine()
  order.onWritten()
  const deadline = parts.clock.now() + order.deadlineMs
  for (;;) {
    const { state, message } = await settle(order, parts, deadline)
    if (state === 'aborted') return takenOver(signal)
    if (failed.size > 0) return { state: 'Failed', message: describeFailures(failed) }
    if (state !== 'healthy') return { state: state === 'failed' ? 'Failed' : 'Deadline', message }
    await attempt.noteHealthy(message)
    order.onHealthy()
    if (await untilReplacedEnded(order, parts, deadline)) return { state: 'Healthy', message }
  }
}

function noteFailures(failed: Map<string, Outcome>, outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes)
    if (outcome.outcome === 'failed') failed.set(refKey(outcome.ref), outcome)
    else failed.delete(refKey(outcome.ref))
}

function takenOver({ reason }: AbortSignal): Omit<WorkEnd, 'failed'> {
  return { state: reason instanceof Takeover ? reason.state : 'Interrupted', message: messageOf(reason) }
}

/** `Deployment shop/web: …`, once for each write that failed. */
function describeFailures(failed: ReadonlyMap<string, Outcome>): string {
  return [...failed.values()]
    .map(({ ref, message }) => `${describeRef(ref)}: ${message ?? 'failed'}`)
    .join('; ')
}

async function write(
  { target, attempt, signal }: Pick<WorkOrder, 'target' | 'attempt' | 'signal'>,
  { client, clock, live, stopping }: CarryOutParts,
  plan: Plan,
  onOutcome: (outcome: Outcome) => void,
): Promise<readonly Outcome[]> {
  const outcomes = await applyPlan({
    plan,
    desired: ref => target.desired.get(refKey(ref))?.object,
    live: ref => live.get(ref),
    kindOf: ref => target.desired.get(refKey(ref))?.kind ?? live.kindOf(ref),
    client,
    clock,
    signal,
    onOutcome,
    onGroup: () => attempt.note(),
  })
  const written = outcomes.filter(
    ({ outcome, resourceVersion }) => outcome === 'deleted' || resourceVersion !== undefined,
  )
  await live.catchUp(written, stopping)
  return outcomes
}

/** Waits for health; drift that appears meanwhile is repaired within the same record. */
async function settle(order: WrittenOrder, parts: CarryOutParts, deadline: number): Promise<HealthResult> {
  const { clock, health, suspects } = parts
  for (;;) {
    await repairMeanwhile(order, parts)
    const interrupt = new AbortController()
    const unsubscribe = suspects.onNews(() => interrupt.abort())
    const result = await waitForHealth({
      look: () => health.look(),
      onChange: callback => health.onTouch(callback),
      clock,
      deadlineMs: Math.max(0, deadline - clock.now()),
      signal: AbortSignal.any([order.signal, interrupt.signal]),
    })
    unsubscribe()
    if (order.signal.aborted) return { state: 'aborted', message: result.message }
    if (result.state !== 'aborted' && suspects.isEmpty) return result
  }
}

async function repairMeanwhile(order: WrittenOrder, parts: CarryOutParts): Promise<void> {
  const { target, attempt, signal, failed } = order
  const { suspects, pace, clock } = parts
  const { suspects: found, containers } = suspects.take()
  for (const { workload, changes } of containers) attempt.addContainers(workload, changes)
  if (found.length === 0) return
  const plan = planTarget(
    target,
    parts,
    found.map(({ ref }) => refKey(ref)),
  )
  if (isEmptyPlan(plan) || plan.hold !== undefined) return
  await clock.sleep(pace.next(clock.now()), signal).catch(() => undefined)
  noteFailures(failed, await write(order, parts, plan, outcome => attempt.addRepair(outcome)))
  // What takes over may be held, and then it is still to be repaired.
  if (signal.aborted) for (const { ref, actor } of found) suspects.suspect(ref, actor)
}

/**
 * Waits until the pods and objects that this attempt replaces or removes are gone. True: they are, or time is up, or something
 * newer wants the lane, and then the attempt is as healthy as it was. False: an object drifted or fell ill before that.
 */
async function untilReplacedEnded(
  { attempt, signal, leaving }: WrittenOrder,
  { live, clock, suspects, health }: CarryOutParts,
  deadline: number,
): Promise<boolean> {
  const removed = [...leaving.values()]
  const isEnding = (): boolean =>
    attempt.workloads.some(workload => live.podsOf(workload).some(isBeingDeleted)) ||
    removed.some(ref =>
      live.get(ref) === undefined ? live.podsOf(ref).length > 0 : isBeingDeleted(live.get(ref)),
    )
  for (;;) {
    if (signal.aborted || clock.now() >= deadline || !isEnding()) return true
    if (!suspects.isEmpty || health.look().state !== 'healthy') return false
    const wake = new AbortController()
    const unsubscribe = [live.subscribe(() => wake.abort()), suspects.onNews(() => wake.abort())]
    await clock.sleep(LOOK_AGAIN_MS, AbortSignal.any([signal, wake.signal])).catch(() => undefined)
    for (const end of unsubscribe) end()
  }
}

function isBeingDeleted(object: KubeObject | undefined): boolean {
  return object?.metadata.deletionTimestamp !== undefined
}
