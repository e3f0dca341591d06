import type { Ledger, Trigger } from '../../audit/index.ts'
import { messageOf } from '../../base/index.ts'
import type { Plan } from '../../diff/index.ts'
import type { InventoryEntry } from '../inventory.ts'
import type { AppTarget } from '../source/app-target.ts'
import { Attempt } from './attempt.ts'
import { type CarryOutParts, carryOut, type WorkEnd } from './carry-out.ts'
import { closeInterrupted } from './close-interrupted.ts'
import { holdMessage } from './standing.ts'
import type { ContainerNews, Suspects } from './suspects.ts'

/** One piece of work under one record. */
export interface Work {
  readonly target: AppTarget
  readonly plan: Plan
  /** What the inventory is told before the first write. */
  readonly entries: ReadonlyMap<string, InventoryEntry>
  readonly trigger: Trigger
  readonly deadlineMs: number
  /** Of a drift: who made it, and what it did to containers before the record was open. */
  readonly actor?: string
  readonly containers?: readonly ContainerNews[]
}

export interface WorkHooks {
  /** Ends the work; its reason is a `Takeover`. */
  readonly signal: AbortSignal
  /** The record is open, under this name. */
  readonly onOpen: (record: string) => void
  /** Everything is written; what is left is to become healthy. */
  readonly onWritten: () => void
  /** Everything is healthy, though what is replaced may still be ending. */
  readonly onHealthy: () => void
}

/** Sees to it that whatever is done in an app is done under a record: opened before the first write, closed after the last. */
export class Recorder {
  readonly #ledger: Ledger
  readonly #parts: CarryOutParts
  readonly #suspects: Suspects
  #attempt: Attempt | undefined
  #isOpening = false

  constructor(ledger: Ledger, parts: CarryOutParts) {
    this.#ledger = ledger
    this.#parts = parts
    this.#suspects = parts.suspects
  }

  /** A record is open, or being opened. */
  get isRecording(): boolean {
    return this.#isOpening || this.#attempt !== undefined
  }

  /** Takes note of what happened to containers, if a record is open or is going to be. */
  observe({ workload, changes }: ContainerNews): void {
    if (this.#attempt !== undefined) this.#attempt.addContainers(workload, changes)
    else if (this.#isOpening || this.#suspects.isDisturbed)
      this.#suspects.addContainers({ workload, changes })
  }

  /** Does the work and says how it ended. */
  async run(work: Work, { signal, onOpen, onWritten, onHealthy }: WorkHooks): Promise<WorkEnd> {
    const { target, plan, entries, deadlineMs } = work
    const attempt = await this.#open(work)
    onOpen(attempt.name)
    try {
      const end = await carryOut(
        { target, plan, entries, attempt, deadlineMs, signal, onWritten, onHealthy },
        this.#parts,
      )
      await attempt.close(end.state, end.message)
      return end
    } catch (error) {
      await attempt.close('Failed', messageOf(error)).catch(() => undefined)
      throw error
    } finally {
      this.#attempt = undefined
    }
  }

  /** Whether the newest record of the app is of this commit and tells of an attempt that a crash cut short. */
  async wasInterrupted({ app, commit }: AppTarget): Promise<boolean> {
    const last = await this.#ledger.last(app)
    const state = last?.status?.state
    return last?.spec.commit.id === commit.id && (state === 'Interrupted' || state === 'Open')
  }

  /** Records that a target waits for a person; the record's name. */
  async hold(target: AppTarget, plan: Plan | undefined): Promise<string> {
    const { app, commit, trigger, skipped } = target
    await this.#closeLeftover(app)
    const attempt = await Attempt.open(this.#ledger, this.#parts.clock, {
      ...{ app, commit, trigger, skipped },
      plan: plan ?? { app, revision: commit.id, changes: [] },
    })
    await attempt.close('Held', holdMessage(target, plan))
    return attempt.name
  }

  async #open({ target, plan, trigger, actor, containers = [] }: Work): Promise<Attempt> {
    const { app, commit, skipped } = target
    this.#isOpening = true
    try {
      await this.#closeLeftover(app)
      const attempt = await Attempt.open(this.#ledger, this.#parts.clock, {
        ...{ app, commit, trigger, plan },
        skipped: trigger === 'push' || trigger === 'start' ? skipped : [],
        ...(actor === undefined ? {} : { actor }),
      })
      for (const { workload, changes } of containers) attempt.addContainers(workload, changes)
      this.#attempt = attempt
      return attempt
    } finally {
      this.#isOpening = false
    }
  }

  /** A record that could not be closed must not keep the app from the next one. */
  async #closeLeftover(app: string): Promise<void> {
    const last = await this.#ledger.last(app)
    if (last?.status?.state === 'Open') await closeInterrupted(this.#ledger, last)
  }
}
