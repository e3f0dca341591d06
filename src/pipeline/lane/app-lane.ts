import type { Outcome } from '../../apply/index.ts'
import type { Ledger, Trigger } from '../../audit/index.ts'
import { backoffMs, isAborted, type Logger, messageOf, type Service } from '../../base/index.ts'
import { isEmptyPlan, type Plan } from '../../diff/index.ts'
import { type Diagnostic, type ObjectRef, refKey } from '../../kube/index.ts'
import { HealthTracker } from '../live/health-tracker.ts'
import { healthOfLive } from '../live/workload-health.ts'
import type { AppOwnership } from '../ownership.ts'
import type { AppTarget } from '../source/app-target.ts'
import type { LaneReport } from '../status/lane-report.ts'
import { type CarryOutParts, Takeover, type WorkEnd } from './carry-out.ts'
import { ForeignHold } from './foreign-hold.ts'
import { foreignObjects } from './foreign-objects.ts'
import { Noter } from './noter.ts'
import { withPassedOver } from './passed-over.ts'
import {
  changedBetween,
  compareAhead,
  entriesFor,
  goneAmong,
  isHandingOver,
  type PlanParts,
  planTarget,
  undeclaredBy,
} from './plan-target.ts'
import { Recorder, type Work } from './recorder.ts'
import { isRefused, type PlaceProblems, refusalsOf } from './refusals.ts'
import { isRefusedAgain } from './rehearse.ts'
import { RepairPace } from './repair-pace.ts'
import { describePlan, Standing } from './standing.ts'
import { type ContainerNews, type Findings, nameActors, Suspects, UNKNOWN_ACTOR } from './suspects.ts'
import { unverifiedBy } from './verified.ts'

/** How long a commit may take to become healthy; as a Deployment's own progress deadline. */
const DEPLOY_DEADLINE_MS = 600_000

/** How long a repair may take: it puts back what ran already. */
const REPAIR_DEADLINE_MS = 120_000

/** How often the progress of an attempt is told. */
const TELL_MS = 1_000

/** How long the end of a lane may take for what makes the next start shorter. */
const NOTE_AT_END_MS = 1_000

/** Waits before work that failed is tried again. */
const RETRY = { initialMs: 5_000, maxMs: 300_000 }

const NONE: ReadonlyMap<string, Diagnostic> = new Map()

/** An attempt of which writes were refused that may pass later. */
interface Refused {
  readonly target: AppTarget
  readonly trigger: Trigger
  readonly failed: readonly Outcome[]
}

export interface LaneParts extends Pick<CarryOutParts, 'client' | 'live' | 'inventory' | 'clock'> {
  readonly ledger: Ledger
  /** The name of the App whose source declares the app. */
  readonly root: string
  readonly ownership: AppOwnership
  /** Of the program. */
  readonly version: string
  /** Tells what has become of the app. */
  readonly report: (report: LaneReport) => void
  /** The target that was last applied in full before the process started; undefined when it cannot be known. */
  readonly recall: () => Promise<AppTarget | undefined>
  readonly placeProblems: PlaceProblems
  /** Whether the app was known to be held at this commit before the process started. */
  readonly wasHeldAt: (commit: string) => boolean
  /** Which person wrote an object just now, if one did. */
  readonly writerOf: (ref: ObjectRef) => string | undefined
  /** Called when Git has nothing of the app any more and nothing of it is left. */
  readonly onEmptied: () => void
  /** Called when apps of other repositories have let go what the app was held for: the newest revision is to be submitted again. */
  readonly onFree: () => void
  readonly log: Logger
}

/**
 * The lane of one app: one attempt at a time, a newer commit takes over at once, drift is repaired between and during attempts,
 * and no app waits for another. Level-triggered: it is told where to look (a newer target, an object that may have drifted) and
 * decides by comparing. How work is done and recorded is `Recorder`'s, what is said of the app is `Standing`'s.
 */
export class AppLane implements Service {
  readonly app: string
  readonly root: string
  readonly #parts: LaneParts
  /** As a target is looked at that was accepted before: what another app has since is that one's. */
  readonly #guarding: PlanParts
  readonly #standing = new Standing()
  readonly #suspects = new Suspects()
  readonly #pace = new RepairPace()
  readonly #health: HealthTracker
  readonly #recorder: Recorder
  #pending: AppTarget | undefined
  /** The accepted target, once every object was found or made as it says; what drifted since is among the suspects. */
  #verified: AppTarget | undefined
  readonly #noter: Noter
  /** The accepted target was left before its end for one that is held. */
  #isUnfinished = false
  /** What is held waits for apps of other repositories. */
  #foreignHold: ForeignHold | undefined
  /** Ends the work under way: a newer commit, or the end of the process. */
  #takeover = new AbortController()
  readonly #stop = new AbortController()
  #wasHealthy = false
  #isStale = false
  #retries = 0
  /** Writes that were refused, and are to be tried again now. */
  #due: Refused | undefined
  #cancelRetry: () => void = () => {}
  #cancelTelling: (() => void) | undefined
  #wake: () => void = () => {}

  constructor(app: string, parts: LaneParts) {
    this.app = app
    this.root = parts.root
    this.#parts = parts
    const { otherOwner: foreignOwner, isShared } = parts.ownership
    this.#guarding = { ...parts, ownership: { foreignOwner, isShared } }
    this.#health = new HealthTracker(ref => healthOfLive(parts.live, ref))
    this.#noter = new Noter(app, { ...parts, wake: () => this.#wake() })
    this.#suspects.onNews(() => this.#wake())
    this.#recorder = new Recorder(parts.ledger, {
      ...{ ...parts, ...this.#guarding },
      health: this.#health,
      suspects: this.#suspects,
      pace: this.#pace,
      stopping: this.#stop.signal,
    })
  }

  /** A newer revision of the app. Replaces one that waits and takes over from one under way. */
  submit(target: AppTarget): void {
    this.#pending = withPassedOver(target, this.#pending)
    this.#retries = 0
    this.#cancelRetry()
    this.#due = undefined
    this.#takeover.abort(new Takeover('Superseded'))
    this.#wake()
  }

  /** Sees to it that what runs is watched although no target can be accepted at present. */
  async guard(): Promise<void> {
    if (this.#standing.accepted !== undefined) return
    const recalled = await this.#parts.recall()
    if (recalled === undefined || this.#standing.accepted !== undefined) return
    this.#standing.recall(recalled)
    this.#health.expect(recalled.desired)
    this.#suspectAll(recalled)
    this.#isStale = true
    this.#wake()
  }

  /** Whether a revision that leaves the app's files as they were matters to it all the same. */
  isConcernedBy({ allowsDeletions }: { readonly allowsDeletions: boolean }): boolean {
    const { held, accepted } = this.#standing
    if (this.#foreignHold?.isOver === true) return true
    if (allowsDeletions && held?.plan !== undefined) return true
    return accepted !== undefined && isHandingOver(accepted, this.#parts)
  }

  /** Whether it was told already that the app has left Git. */
  get isLeaving(): boolean {
    return (this.#pending ?? this.#standing.held?.target ?? this.#standing.accepted)?.isGone === true
  }

  /** An object of this app may differ from what Git says. */
  suspect(ref: ObjectRef, actor: string): void {
    if (this.#standing.accepted !== undefined) this.#suspects.suspect(ref, actor)
  }

  /** An object is gone or going, whoever owned it: a commit that is held because it cannot change that one can make it anew. */
  lookAgainWithout(ref: ObjectRef): void {
    const { held } = this.#standing
    const isInTheWay = held?.plan?.changes.some(
      change => isRefused(change) && refKey(change.ref) === refKey(ref),
    )
    if (held !== undefined && isInTheWay)
      this.submit({ ...held.target, diagnostics: [], skipped: [], trigger: 'retry' })
  }

  /** Containers of this app started or stopped; `disturber` ended one though nobody's plan meant it to. */
  observe(news: ContainerNews, disturber: string | undefined): void {
    // What ends again and again is one failure and not one drift after another.
    const isDrift = disturber !== undefined && this.#wasHealthy && this.#standing.accepted !== undefined
    if (isDrift && !this.#recorder.isRecording) this.#suspects.disturb(disturber)
    this.#recorder.observe(news)
  }

  /** The live object itself (by `refKey`) has changed, if only in its status. */
  hear(key: string): void {
    this.#noter.hear(key)
    this.touch(key)
  }

  /** Something that the health of this object (by `refKey`) depends on has changed. */
  touch(key: string): void {
    this.#health.touch(key)
    this.#isStale = true
    this.#wake()
    if (!this.#recorder.isRecording) return
    this.#cancelTelling ??= this.#parts.clock.after(TELL_MS, () => this.#say())
  }

  async start(signal: AbortSignal): Promise<void> {
    const stop = (): void => {
      this.#stop.abort()
      this.#takeover.abort(new Takeover('Interrupted'))
      this.#wake()
    }
    signal.addEventListener('abort', stop, { once: true })
    while (!signal.aborted) {
      const woken = new Promise<void>(resolve => {
        this.#wake = resolve
      })
      try {
        if (!(await this.#work())) await woken
      } catch (error) {
        if (!isAborted(error)) await this.#afterError(error)
      }
    }
    signal.removeEventListener('abort', stop)
    this.#foreignHold?.end()
    this.#cancelRetry()
    this.#cancelTelling?.()
    this.#noter.close()
    const { clock } = this.#parts
    if (this.#verified !== undefined) await this.#noter.noteRest(this.#verified, clock.now() + NOTE_AT_END_MS)
  }

  /** Does one piece of work; false when there is none. */
  async #work(): Promise<boolean> {
    const { accepted, held } = this.#standing
    if (this.#pending !== undefined) {
      await this.#deploy(this.#begin(this.#pending))
      return true
    }
    if (accepted !== undefined && held !== undefined && this.#isUnfinished) {
      await this.#finish(this.#begin(accepted))
      return true
    }
    if (accepted !== undefined && !this.#suspects.isEmpty) {
      await this.#repair(this.#begin(accepted), this.#suspects.take())
      return true
    }
    if (this.#due !== undefined) {
      const due = this.#due
      this.#due = undefined
      await this.#tryAgain(due)
      return true
    }
    if (!this.#isStale) return this.#verified !== undefined && (await this.#noter.noteSome(this.#verified))
    this.#isStale = false
    const waiting = this.#foreignHold
    if (waiting?.isOver === false) this.#standing.hold(waiting.target, undefined)
    await this.#health.examine()
    this.#say()
    return true
  }

  /** A piece of work on a target begins, which a newer target or the end of the process may end. */
  #begin(target: AppTarget): AppTarget {
    if (target === this.#pending) this.#pending = undefined
    this.#takeover = new AbortController()
    if (this.#stop.signal.aborted) this.#takeover.abort(new Takeover('Interrupted'))
    return target
  }

  async #deploy(target: AppTarget): Promise<void> {
    try {
      let keys = this.#keysFor(target)
      const ahead = target.diagnostics.length > 0 ? undefined : compareAhead(target, this.#parts, keys)
      if (ahead !== undefined) {
        await ahead
        // What came meanwhile counts.
        keys = this.#keysFor(target)
      }
      if (this.#takeover.signal.aborted) return this.#passOver(target)
      const foreign = target.diagnostics.length > 0 ? NONE : foreignObjects(target, this.#parts, keys)
      if (foreign.size > 0) return await this.#holdForOthers(target, foreign)
      this.#endForeignHold()
      const plan = target.diagnostics.length > 0 ? undefined : planTarget(target, this.#parts, keys)
      if (plan?.changes.some(isRefused)) return await this.#refuse(target, plan)
      if (plan === undefined || plan.hold !== undefined) return await this.#hold(target, plan)
      const entries = entriesFor(target, plan, this.#parts, keys)
      this.#parts.ownership.claim(entries)
      const isAsBefore = this.#verified?.commit.id === target.commit.id && this.#standing.held === undefined
      this.#standing.accept(target, plan)
      this.#health.expect(target.desired, this.#verified === undefined ? undefined : keys)
      this.#verified = undefined
      this.#noter.add(keys)
      this.#suspects.clear()
      const isUnchanged = isEmptyPlan(plan) && (target.trigger === 'start' || isAsBefore)
      // A crash between the last write and health leaves nothing to write, and a story without its end.
      if (isUnchanged && !(await this.#recorder.wasInterrupted(target)))
        return await this.#takeNote(target, entries)
      await this.#run({ target, plan, entries, trigger: target.trigger, deadlineMs: DEPLOY_DEADLINE_MS })
    } catch (error) {
      // Nothing is lost to an error of this process: the target is tried again unless there is a newer one.
      this.#pending ??= target
      throw error
    }
  }

  /** Nothing of the target was begun: it is one of those that the newer one passed over. */
  #passOver(target: AppTarget): void {
    if (this.#pending !== undefined) this.#pending = withPassedOver(this.#pending, target)
  }

  /** What has to be compared: what has changed since everything was as the target before says, or was found so before the start. */
  #keysFor(target: AppTarget): ReadonlySet<string> {
    const keys =
      this.#verified === undefined
        ? unverifiedBy(target, this.#parts)
        : changedBetween(this.#verified, target, this.#parts)
    for (const key of this.#suspects.keys) keys.add(key)
    return keys
  }

  /** Everything is as the target says already: nothing is written but what the inventory did not know. */
  async #takeNote(target: AppTarget, entries: Work['entries']): Promise<void> {
    await this.#parts.inventory.put([...entries.values()])
    this.#verified = target
    this.#isUnfinished = false
    this.#standing.applied()
    await this.#letGo(target)
    await this.#health.examine()
    this.#say()
  }

  /** What the API would refuse for good is not begun. */
  async #refuse(target: AppTarget, plan: Plan): Promise<void> {
    const diagnostics = await refusalsOf(plan, target, this.#parts.placeProblems)
    await this.#hold({ ...target, diagnostics }, plan)
  }

  /** The same commit that is held for others once more is not told again. */
  async #holdForOthers(target: AppTarget, foreign: ReadonlyMap<string, Diagnostic>): Promise<void> {
    const wasTold = this.#foreignHold?.commit === target.commit.id
    this.#endForeignHold()
    const hold = new ForeignHold(target, foreign, {
      ownership: this.#parts.ownership,
      onChange: () => {
        if (hold.isOver) this.#parts.onFree()
        else this.#isStale = true
        this.#wake()
      },
    })
    this.#foreignHold = hold
    try {
      await this.#hold(hold.target, undefined, wasTold)
    } catch (error) {
      this.#endForeignHold()
      throw error
    }
  }

  #endForeignHold(): void {
    this.#foreignHold?.end()
    this.#foreignHold = undefined
  }

  async #hold(target: AppTarget, plan: Plan | undefined, wasTold = false): Promise<void> {
    const isKnown =
      wasTold ||
      (target.trigger === 'start' && this.#parts.wasHeldAt(target.commit.id)) ||
      (target.trigger === 'retry' && this.#standing.isHeldBy(target, plan))
    if (!isKnown) this.#standing.recorded(await this.#recorder.hold(target, plan))
    this.#standing.hold(target, plan)
    this.#say()
    await this.guard()
  }

  /** Carries through what was under way when a commit came that is held. */
  async #finish(accepted: AppTarget): Promise<void> {
    const plan = planTarget(accepted, this.#guarding)
    const entries = entriesFor(accepted, plan, this.#guarding)
    this.#parts.ownership.claim(entries)
    await this.#run({ target: accepted, plan, entries, trigger: 'retry', deadlineMs: DEPLOY_DEADLINE_MS })
  }

  async #repair(accepted: AppTarget, { suspects, disturbers, containers }: Findings): Promise<void> {
    const { clock } = this.#parts
    try {
      await this.#letGo(accepted)
      const keys = new Set(suspects.map(({ ref }) => refKey(ref)))
      this.#noter.add(keys)
      const plan = planTarget(accepted, this.#guarding, keys)
      if (plan.hold !== undefined || (isEmptyPlan(plan) && disturbers.length === 0)) return
      const entries = entriesFor(accepted, plan, this.#guarding, keys)
      this.#parts.ownership.claim(entries)
      if (!isEmptyPlan(plan)) await clock.sleep(this.#pace.next(clock.now()), this.#takeover.signal)
      const changed = new Set(
        plan.changes.flatMap(({ action, ref }) => (action === 'keep' ? [] : refKey(ref))),
      )
      const actors = suspects.flatMap(({ ref, actor }) => (changed.has(refKey(ref)) ? actor : []))
      const actor = nameActors([...actors, ...disturbers])
      const deadlineMs = REPAIR_DEADLINE_MS
      await this.#run({ target: accepted, plan, entries, trigger: 'drift', actor, containers, deadlineMs })
    } finally {
      // A newer target may be held, and then what was found is still to be repaired.
      if (this.#takeover.signal.aborted) for (const { ref, actor } of suspects) this.suspect(ref, actor)
    }
  }

  async #run(work: Work): Promise<void> {
    const { target, trigger, plan } = work
    const ended = new AbortController()
    const noting = this.#noter.noteMeanwhile(target, ended.signal)
    try {
      const end = await this.#recorder.run(work, {
        signal: this.#takeover.signal,
        onOpen: record => {
          this.#standing.begin(trigger === 'drift' ? 'repairing drift' : describePlan(plan), record)
          this.#say()
        },
        onWritten: () => {
          this.#standing.wait()
          this.#say()
        },
        onHealthy: () => {
          if (trigger !== 'drift') this.#standing.applied()
          this.#standing.end()
          this.#say()
        },
      })
      this.#conclude(work, end)
    } finally {
      ended.abort()
      await noting
      this.#standing.end()
    }
    this.#say()
  }

  #conclude({ target, trigger }: Work, { state, message, failed }: WorkEnd): void {
    const { log } = this.#parts
    log.info('An attempt ended', { app: this.app, commit: target.commit.id, trigger, state })
    this.#isUnfinished = state === 'Superseded' && (trigger !== 'drift' || this.#isUnfinished)
    if (state === 'Superseded' || state === 'Interrupted') return
    if (failed.length > 0) this.#verified = undefined
    else if (trigger !== 'drift') this.#verified = target
    if (state !== 'Healthy') this.#standing.fail(message, failed.length > 0)
    else if (trigger !== 'drift' || isEmptyPlan(planTarget(target, this.#guarding))) this.#standing.applied()
    if (failed.some(({ retryable }) => retryable)) this.#retryLater({ target, trigger, failed })
    else this.#retries = 0
    this.#leaveWhenEmpty(target)
  }

  #retryLater(refused: Refused): void {
    this.#retries += 1
    this.#cancelRetry = this.#parts.clock.after(backoffMs(this.#retries, RETRY), () => {
      this.#due = refused
      this.#wake()
    })
  }

  /** A new attempt, with a record of its own, unless everything would be refused in the same words. */
  async #tryAgain(refused: Refused): Promise<void> {
    const { target, trigger, failed } = refused
    if (this.#standing.accepted !== target) return
    this.#begin(target)
    const { signal } = this.#takeover
    const plan = planTarget(target, this.#guarding)
    const isInVain = await isRefusedAgain(plan, target, failed, { ...this.#parts, signal })
    if (signal.aborted) return
    if (isInVain) this.#retryLater(refused)
    else if (trigger === 'drift') this.#suspectAll(target)
    else if (this.#standing.held !== undefined) this.#isUnfinished = true
    else this.#pending = { ...target, trigger: 'retry' }
  }

  #suspectAll(target: AppTarget): void {
    for (const { action, ref } of planTarget(target, this.#guarding).changes)
      if (action !== 'keep') this.#suspects.suspect(ref, this.#parts.writerOf(ref) ?? UNKNOWN_ACTOR)
  }

  async #afterError(error: unknown): Promise<void> {
    const { log, clock } = this.#parts
    this.#retries += 1
    log.error('The work on an app failed', { app: this.app, error: messageOf(error) })
    await clock.sleep(backoffMs(this.#retries, RETRY), this.#takeover.signal).catch(() => undefined)
  }

  /** Forgets what Git no longer declares and the cluster no longer holds. */
  async #letGo(target: AppTarget): Promise<void> {
    const gone = goneAmong(undeclaredBy(target, this.#parts), this.#parts)
    await this.#parts.inventory.remove(this.app, gone)
    this.#leaveWhenEmpty(target)
  }

  #leaveWhenEmpty({ isGone }: AppTarget): void {
    const isEmpty = this.#parts.inventory.entriesOf(this.app).size === 0
    if (isGone && isEmpty && this.#pending === undefined && this.#standing.held === undefined)
      this.#parts.onEmptied()
  }

  #say(): void {
    this.#cancelTelling?.()
    this.#cancelTelling = undefined
    if (this.#stop.signal.aborted) return
    const report = this.#standing.report(() => {
      const now = this.#health.look()
      this.#wasHealthy = now.state === 'healthy'
      return now
    })
    if (report !== undefined) this.#parts.report(report)
  }
}
