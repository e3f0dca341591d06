import { applyPlan, type HealthResult, type Outcome, waitForHealth } from '../apply/index.ts'
import type { Ledger, Trigger } from '../audit/index.ts'
import { backoffMs, type Clock, isAborted, type Logger, messageOf, type Service } from '../base/index.ts'
import type { Client } from '../client/index.ts'
import { countActions, isEmptyPlan, type Plan } from '../diff/index.ts'
import { type ObjectRef, refKey, refOf } from '../kube/index.ts'
import { healthOfLive } from './app-health.ts'
import type { AppReport, AppReporter } from './app-report.ts'
import { type AppTarget, describeDiagnostics } from './app-target.ts'
import { Attempt } from './attempt.ts'
import type { ContainerChange } from './container-changes.ts'
import { type Ending, ending, endingOf } from './ending.ts'
import type { Inventory, InventoryEntry } from './inventory.ts'
import type { LiveObjects } from './live-objects.ts'
import { movesAway, planTarget } from './plan-target.ts'

/** How long a commit may take to become healthy; as a Deployment's own progress deadline. */
const DEPLOY_DEADLINE_MS = 600_000

/** How long a repair may take: it puts back what ran already. */
const REPAIR_DEADLINE_MS = 120_000

/** Waits before a failed write is attempted in a record of its own. */
const RETRY = { initialMs: 5_000, maxMs: 300_000 }

/** Repairs that follow each other faster than this count as a fight with another writer and are slowed down. */
const FIGHT_WINDOW_MS = 10_000
const FIGHT = { initialMs: 250, maxMs: 60_000 }
const FIGHT_FREE = 5

/** Who made a drift that nobody made through the API. */
export const UNKNOWN_ACTOR = 'unknown'

export interface LaneParts {
  readonly client: Client
  readonly live: LiveObjects
  readonly inventory: Inventory
  readonly ledger: Ledger
  readonly reporter: AppReporter
  /** Called when Git has nothing of the app any more and nothing of it is left. */
  readonly onEmptied: () => Promise<void>
  readonly clock: Clock
  readonly log: Logger
}

/**
 * The lane of one app: one attempt at a time, a newer commit takes over at once, drift is repaired between and during attempts,
 * and no app waits for another. Level-triggered: it is told where to look (a newer target, an object that may have drifted) and
 * decides by comparing.
 */
export class AppLane implements Service {
  readonly app: string
  readonly #parts: LaneParts
  readonly #drifted = new Map<string, { readonly ref: ObjectRef; readonly actor: string }>()
  readonly #disturbances: ContainerChange[] = []
  #pending: AppTarget | undefined
  #current: AppTarget | undefined
  /** What drift is measured against: the last target that was not held. */
  #baseline: AppTarget | undefined
  #attempt: Attempt | undefined
  /** Ends the attempt under way: a newer commit, or the process's end. */
  #supersede = new AbortController()
  /** Ends only the wait for health, to look at drift. */
  #interrupt = new AbortController()
  #wake: () => void = () => {}
  #retries = 0
  #repairs = 0
  #lastRepairAt = 0
  #stale = false

  constructor(app: string, parts: LaneParts) {
    this.app = app
    this.#parts = parts
  }

  /** A newer revision of the app. Replaces one that waits and takes over from one under way. */
  submit(target: AppTarget): void {
    this.#pending = target
    this.#retries = 0
    this.#supersede.abort()
    this.#wake()
  }

  /** Drift is measured against this until a target is accepted: what the last run had applied. */
  remember(target: AppTarget): void {
    this.#baseline ??= target
  }

  /** An object of this app may differ from what Git says. */
  suspect(ref: ObjectRef, actor: string): void {
    if (!this.#baseline && !this.#attempt) return
    const key = refKey(ref)
    if (!this.#drifted.has(key)) this.#drifted.set(key, { ref, actor })
    this.#interrupt.abort()
    this.#wake()
  }

  /** A container of this app started or stopped. */
  observe(change: ContainerChange, deliberate: boolean): void {
    if (this.#attempt !== undefined) this.#attempt.addContainer(change)
    else if (
      this.#disturbances.length > 0 ||
      (change.action === 'stopped' && !deliberate && this.#baseline !== undefined)
    ) {
      this.#disturbances.push(change)
      this.#wake()
    }
  }

  /** Something that the app's health depends on changed. */
  touch(): void {
    this.#stale = true
    this.#wake()
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#supersede.abort(), { once: true })
    while (!signal.aborted) {
      const woken = new Promise<void>(resolve => {
        this.#wake = resolve
      })
      try {
        const worked = await this.#work(signal)
        if (!worked) await Promise.race([woken, aborted(signal)])
      } catch (error) {
        if (isAborted(error)) continue
        this.#parts.log.error('The work on an app failed', { app: this.app, error: messageOf(error) })
        await this.#parts.clock.sleep(backoffMs(++this.#retries, RETRY), signal).catch(() => undefined)
      }
    }
  }

  /** Does one piece of work; false when there is none. */
  async #work(signal: AbortSignal): Promise<boolean> {
    const target = this.#pending
    if (target !== undefined) {
      this.#pending = undefined
      this.#supersede = new AbortController()
      if (signal.aborted) this.#supersede.abort()
      await this.#deploy(target)
      return true
    }
    if (this.#baseline === undefined) {
      this.#drifted.clear()
      this.#disturbances.length = 0
    } else if (this.#drifted.size > 0 || this.#disturbances.length > 0) {
      await this.#repair(this.#baseline, signal)
      return true
    }
    if (!this.#stale) return false
    this.#stale = false
    await this.#reportHealth()
    return true
  }

  async #deploy(target: AppTarget): Promise<void> {
    const { reporter, inventory } = this.#parts
    this.#current = target
    if (target.diagnostics.length > 0) return this.#hold(target, undefined)
    await this.#handOver(target)
    const plan = this.#plan(target)
    if (plan.hold !== undefined) return this.#hold(target, plan)
    this.#baseline = target
    this.#drifted.clear()
    this.#disturbances.length = 0
    if (target.trigger === 'start' && isEmptyPlan(plan)) {
      await inventory.put(this.#entries(target, plan))
      return this.#report(target, { ...this.#healthNow(target), plan, applied: true })
    }
    await this.#report(target, { phase: 'Progressing', message: summaryOf(plan), plan, applied: false })
    const state = await this.#run(target, plan, target.trigger, undefined, DEPLOY_DEADLINE_MS)
    reporter.log.info('An attempt ended', { app: this.app, commit: target.commit.id, state })
  }

  /** Opens a record, carries the plan out, waits for health (repairing what drifts meanwhile), closes the record, reports. */
  async #run(
    target: AppTarget,
    plan: Plan,
    trigger: Trigger,
    actor: string | undefined,
    deadlineMs: number,
  ): Promise<string> {
    const { ledger, clock, inventory } = this.#parts
    const attempt = await Attempt.open(ledger, clock, {
      app: this.app,
      commit: target.commit,
      trigger,
      skipped: trigger === 'push' || trigger === 'start' ? target.skipped : [],
      plan,
      ...(actor === undefined ? {} : { actor }),
    })
    this.#attempt = attempt
    for (const change of this.#disturbances.splice(0)) attempt.addContainer(change)
    try {
      await inventory.put(this.#entries(target, plan))
      const outcomes = await this.#apply(target, plan, attempt)
      await attempt.note()
      const failed = outcomes.filter(outcome => outcome.outcome === 'failed')
      if (failed.some(outcome => outcome.retryable)) this.#retryLater(target)
      const end = this.#supersede.signal.aborted
        ? ending('Superseded', 'a newer commit took over')
        : failed.length > 0
          ? ending('Failed', failed.map(({ message }) => message ?? 'failed').join('; '))
          : endingOf(await this.#settle(target, attempt, deadlineMs))
      await this.#close(attempt, end)
      if (end.state !== 'Superseded') {
        const phase = end.state === 'Healthy' ? 'Healthy' : 'Failed'
        const applied = failed.length === 0
        await this.#report(target, { phase, message: end.message, plan, applied, record: attempt.name })
        if (target.desired.size === 0 && inventory.count(this.app) === 0) await this.#parts.onEmptied()
      }
      return end.state
    } catch (error) {
      await this.#close(attempt, ending('Failed', messageOf(error)))
      throw error
    } finally {
      this.#attempt = undefined
    }
  }

  async #close(attempt: Attempt, end: Ending): Promise<void> {
    await attempt.close(end.state, end.message)
  }

  async #apply(target: AppTarget, plan: Plan, attempt: Attempt): Promise<readonly Outcome[]> {
    const { client, clock, inventory, live } = this.#parts
    const outcomes = await applyPlan({
      plan,
      desired: ref => target.desired.get(refKey(ref))?.object,
      liveUid: ref => live.get(ref)?.metadata.uid,
      client,
      clock,
      signal: this.#supersede.signal,
      onOutcome: outcome => attempt.addOutcome(outcome),
    })
    const gone = outcomes.filter(
      ({ action, outcome }) => action === 'delete' && (outcome === 'deleted' || outcome === 'unchanged'),
    )
    await inventory.remove(
      this.app,
      gone.map(({ ref }) => ref),
    )
    return outcomes
  }

  /** Waits for health; drift that appears meanwhile is repaired within the same attempt. */
  async #settle(target: AppTarget, attempt: Attempt, deadlineMs: number): Promise<HealthResult> {
    const { live, clock } = this.#parts
    const end = clock.now() + deadlineMs
    for (;;) {
      this.#interrupt = new AbortController()
      if (this.#drifted.size > 0) {
        const refs = this.#takeDrifted()
        const plan = this.#plan(
          target,
          refs.map(({ ref }) => ref),
        )
        if (!isEmptyPlan(plan) && plan.hold === undefined) await this.#apply(target, plan, attempt)
      }
      const result = await waitForHealth({
        refs: [...target.desired.values()].map(({ object }) => refOf(object)),
        healthOf: ref => healthOfLive(live, ref),
        onChange: callback => live.subscribe(callback),
        clock,
        deadlineMs: Math.max(0, end - clock.now()),
        signal: AbortSignal.any([this.#supersede.signal, this.#interrupt.signal]),
      })
      if (result.state !== 'superseded' || this.#supersede.signal.aborted) return result
    }
  }

  async #repair(baseline: AppTarget, signal: AbortSignal): Promise<void> {
    const suspects = this.#takeDrifted()
    const plan = this.#plan(
      baseline,
      suspects.map(({ ref }) => ref),
    )
    if (isEmptyPlan(plan) && this.#disturbances.length === 0) return
    if (plan.hold !== undefined) {
      this.#disturbances.length = 0
      return
    }
    await this.#slowDown(signal)
    const changed = new Set(
      plan.changes.filter(({ action }) => action !== 'keep').map(({ ref }) => refKey(ref)),
    )
    const actors = suspects
      .filter(({ ref }) => changed.size === 0 || changed.has(refKey(ref)))
      .map(({ actor }) => actor)
    const actor = [...new Set(actors)].filter(name => name !== UNKNOWN_ACTOR).join(', ') || UNKNOWN_ACTOR
    this.#supersede = new AbortController()
    if (signal.aborted || this.#pending !== undefined) this.#supersede.abort()
    await this.#run(baseline, plan, 'drift', actor, REPAIR_DEADLINE_MS)
  }

  /** The first repairs are immediate; a fight with another writer costs more and more patience. */
  async #slowDown(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    const since = clock.now() - this.#lastRepairAt
    this.#repairs =
      since < FIGHT_WINDOW_MS + backoffMs(this.#repairs - FIGHT_FREE, FIGHT) ? this.#repairs + 1 : 0
    const wait = backoffMs(this.#repairs - FIGHT_FREE, FIGHT)
    if (wait > 0) await clock.sleep(wait, signal)
    this.#lastRepairAt = clock.now()
  }

  /** Objects that another app of the revision declares now belong to that app: they are let go, not deleted. */
  async #handOver(target: AppTarget): Promise<void> {
    const { inventory } = this.#parts
    const moved = inventory.entries(this.app).filter(({ ref }) => movesAway(target, refKey(ref)))
    if (moved.length > 0)
      await inventory.remove(
        this.app,
        moved.map(({ ref }) => ref),
      )
  }

  async #hold(target: AppTarget, plan: Plan | undefined): Promise<void> {
    const { ledger, clock } = this.#parts
    const empty: Plan = { app: this.app, revision: target.commit.id, changes: [] }
    const message = plan?.hold?.message ?? describeDiagnostics(target)
    const last = await ledger.last(this.app)
    const isKnown = last?.status?.state === 'Held' && last.spec.commit.id === target.commit.id
    let record = last?.metadata.name
    if (!isKnown) {
      const attempt = await Attempt.open(ledger, clock, {
        app: this.app,
        commit: target.commit,
        trigger: target.trigger,
        skipped: target.skipped,
        plan: plan ?? empty,
      })
      await attempt.close('Held', message)
      record = attempt.name
    }
    await this.#report(target, {
      phase: 'Held',
      message,
      plan: plan ?? empty,
      applied: false,
      ...(record === undefined ? {} : { record }),
    })
  }

  #retryLater(target: AppTarget): void {
    this.#retries += 1
    this.#parts.clock.after(backoffMs(this.#retries, RETRY), () => {
      if (this.#current !== target || this.#pending !== undefined) return
      this.#pending = { ...target, trigger: 'retry' }
      this.#supersede.abort()
      this.#wake()
    })
  }

  async #reportHealth(): Promise<void> {
    const target = this.#current
    if (target === undefined || target !== this.#baseline) return
    await this.#report(target, { ...this.#healthNow(target), applied: true })
  }

  #healthNow(target: AppTarget): { phase: 'Healthy' | 'Progressing' | 'Failed'; message: string } {
    const states = [...target.desired.values()].map(({ object }) => {
      const ref = refOf(object)
      return { ref, ...healthOfLive(this.#parts.live, ref) }
    })
    const bad =
      states.find(({ state }) => state === 'failed') ?? states.find(({ state }) => state === 'progressing')
    if (bad === undefined) return { phase: 'Healthy', message: `${states.length} objects are healthy` }
    const phase = bad.state === 'failed' ? 'Failed' : 'Progressing'
    return { phase, message: `${bad.ref.kind} ${bad.ref.name}: ${bad.reason}` }
  }

  #plan(target: AppTarget, candidates?: readonly ObjectRef[]): Plan {
    return planTarget(target, this.#parts, candidates)
  }

  #takeDrifted(): readonly { readonly ref: ObjectRef; readonly actor: string }[] {
    const drifted = [...this.#drifted.values()]
    this.#drifted.clear()
    return drifted
  }

  /** The inventory after a plan: a changed object is this commit's, a kept one stays its last changer's. */
  #entries(target: AppTarget, plan: Plan): InventoryEntry[] {
    const { inventory } = this.#parts
    const kept = new Set(plan.changes.filter(({ action }) => action === 'keep').map(({ ref }) => refKey(ref)))
    return [...target.desired].map(([key, { object, source }]) => {
      const ref = refOf(object)
      const owner = inventory.ownerOf(ref)
      const commit = kept.has(key) && owner?.app === this.app ? owner.commit : target.commit.id
      return { app: this.app, ref, source, commit }
    })
  }

  #report(target: AppTarget, report: Omit<AppReport, 'target'>): Promise<void> {
    return this.#parts.reporter.report({ ...report, target })
  }
}

/** `1 create, 2 configure` */
function summaryOf(plan: Plan): string {
  const counts = countActions(plan)
  const parts = (['create', 'configure', 'delete'] as const).flatMap(action =>
    counts[action] > 0 ? `${counts[action]} ${action}` : [],
  )
  return parts.length === 0 ? 'nothing to change' : parts.join(', ')
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
