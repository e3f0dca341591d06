import type { HealthNow } from '../../apply/index.ts'
import { deepEqual } from '../../base/index.ts'
import { type Action, countActions, type Plan } from '../../diff/index.ts'
import { type AppTarget, describeDiagnostics } from '../source/app-target.ts'
import type { LaneReport } from '../status/lane-report.ts'

interface Held {
  readonly target: AppTarget
  readonly plan: Plan | undefined
}

interface Failure {
  readonly message: string
  /** A write was refused, so the cluster is not what Git says, however healthy it is. */
  readonly isRefused: boolean
}

/** Where an app stands between what it was asked to be and what it is; what is said of it follows from that and its health. */
export class Standing {
  #accepted: AppTarget | undefined
  #held: Held | undefined
  #failure: Failure | undefined
  /** What is being done, while something is; empty when that is waiting. */
  #work: string | undefined
  #applied: string | undefined
  #counts: Readonly<Record<Action, number>> | undefined
  #record: string | undefined

  /** What drift is measured against: the last target that was not held. */
  get accepted(): AppTarget | undefined {
    return this.#accepted
  }

  get held(): Held | undefined {
    return this.#held
  }

  get failure(): Failure | undefined {
    return this.#failure
  }

  /** A target is about to be carried out. */
  accept(target: AppTarget, plan: Plan): void {
    this.#accepted = target
    this.#held = undefined
    this.#failure = undefined
    this.#counts = countActions(plan)
  }

  /** A target that was applied before the start is guarded, whatever became of newer ones. */
  recall(target: AppTarget): void {
    this.#accepted = target
    this.#applied = target.commit.id
  }

  /** A target waits for a person; what was accepted before still holds. */
  hold(target: AppTarget, plan: Plan | undefined): void {
    this.#held = { target, plan }
  }

  /** Whether it waits already for the same reasons as of this judgement of the same commit. */
  isHeldBy(target: AppTarget, plan: Plan | undefined): boolean {
    if (this.#held?.target.commit.id !== target.commit.id) return false
    const before = this.#held
    return (
      deepEqual(before.target.diagnostics, target.diagnostics) &&
      holdMessage(before.target, before.plan) === holdMessage(target, plan)
    )
  }

  begin(work: string, record: string): void {
    this.#work = work
    this.#record = record
  }

  /** Everything is written: what is said from now on is what is waited for. */
  wait(): void {
    this.#work = ''
  }

  recorded(record: string): void {
    this.#record = record
  }

  /** The work is over, or what is left of it only waits for others to end. */
  end(): void {
    this.#work = undefined
  }

  /** Everything that the accepted target declares is written. */
  applied(): void {
    this.#applied = this.#accepted?.commit.id
    this.#failure = undefined
  }

  fail(message: string, isRefused: boolean): void {
    this.#failure = { message, isRefused }
    if (!isRefused) this.#applied = this.#accepted?.commit.id
  }

  /** What to say, given how everything is doing, which is not asked while something is being done; undefined while nothing is known yet. */
  report(look: () => HealthNow): LaneReport | undefined {
    const now: HealthNow = this.#work ? { state: 'progressing', message: this.#work } : look()
    // An illness is over when the app is well; a refusal only when the write succeeds.
    if (now.state === 'healthy' && this.#failure?.isRefused === false && this.#work === undefined)
      this.#failure = undefined
    const target = this.#held?.target ?? this.#accepted
    if (target === undefined) return undefined
    return {
      commit: target.commit,
      diagnostics: target.diagnostics,
      isSynced: this.#applied === target.commit.id,
      ...(this.#applied === undefined ? {} : { appliedRevision: this.#applied }),
      ...(this.#record === undefined ? {} : { record: this.#record }),
      ...this.#phase(now),
    }
  }

  #phase(now: HealthNow): Pick<LaneReport, 'phase' | 'message' | 'counts' | 'hold'> {
    if (this.#held !== undefined) return heldPhase(this.#held)
    const counts = this.#counts === undefined ? {} : { counts: this.#counts }
    if (this.#work !== undefined) return { phase: 'Progressing', message: now.message, ...counts }
    if (this.#failure !== undefined) return { phase: 'Failed', message: this.#failure.message, ...counts }
    const phase = ({ healthy: 'Healthy', progressing: 'Progressing', failed: 'Failed' } as const)[now.state]
    return { phase, message: now.message, ...counts }
  }
}

function heldPhase({ target, plan }: Held): Pick<LaneReport, 'phase' | 'message' | 'counts' | 'hold'> {
  const message = holdMessage(target, plan)
  if (plan === undefined)
    return { phase: 'Held', message, counts: { create: 0, configure: 0, delete: 0, keep: 0 } }
  const hold = plan.hold === undefined ? {} : { hold: plan.hold }
  return { phase: 'Held', message, counts: countActions(plan), ...hold }
}

/** Why a target waits for a person. */
export function holdMessage({ diagnostics }: AppTarget, plan: Plan | undefined): string {
  return plan?.hold?.message ?? describeDiagnostics(diagnostics)
}

/** `1 create, 2 configure` */
export function describePlan(plan: Plan): string {
  const counts = countActions(plan)
  const parts = (['create', 'configure', 'delete'] as const).flatMap(action =>
    counts[action] > 0 ? `${counts[action]} ${action}` : [],
  )
  return parts.length === 0 ? 'nothing to change' : parts.join(', ')
}
