import type { Outcome } from '../../apply/index.ts'
import {
  type Ledger,
  type RecordClosing,
  type RecordedChange,
  type RecordedContainer,
  type RecordOpening,
  recordRef,
} from '../../audit/index.ts'
import type { Clock } from '../../base/index.ts'
import { type ObjectRef, type RecordObject, refKey } from '../../kube/index.ts'
import type { ContainerChange } from '../live/container-changes.ts'

/** Container starts and stops that one record tells; a crash loop under a long deadline must not grow it without bound. */
const MAX_CONTAINERS = 1_000

/** Outcomes beyond those of its plan that one record tells: of repairs while it was open. */
const MAX_REPAIRS = 1_000

/** What an agent reports is heard of within that time, as long as it is connected. */
const FRESH_MS = 2_000

/** One attempt at one commit in one app: its open record, and what has happened so far. */
export class Attempt {
  readonly #ledger: Ledger
  readonly #clock: Clock
  readonly #changes: RecordedChange[] = []
  readonly #containers: RecordedContainer[] = []
  readonly #workloads = new Map<string, ObjectRef>()
  #record: RecordObject
  #repairs = 0
  #healthy: { readonly message: string; readonly healthyAt: string } | undefined

  private constructor(ledger: Ledger, clock: Clock, record: RecordObject) {
    this.#ledger = ledger
    this.#clock = clock
    this.#record = record
  }

  /** Resolves when the record is durable: only then may anything be written. */
  static async open(
    ledger: Ledger,
    clock: Clock,
    opening: Omit<RecordOpening, 'sequence' | 'previousHash' | 'openedAt' | 'uid'>,
  ): Promise<Attempt> {
    return new Attempt(ledger, clock, await ledger.open(opening))
  }

  /** The name of the record. */
  get name(): string {
    return this.#record.metadata.name ?? ''
  }

  /** The workloads whose pods changed while the record was open. */
  get workloads(): readonly ObjectRef[] {
    return [...this.#workloads.values()]
  }

  addOutcome(outcome: Outcome): void {
    this.#changes.push(recordOutcome(outcome))
  }

  /** The outcome of a repair while the record was open. */
  addRepair(outcome: Outcome): void {
    this.#repairs += 1
    if (this.#repairs <= MAX_REPAIRS) this.addOutcome(outcome)
  }

  addContainers(workload: ObjectRef, changes: readonly ContainerChange[]): void {
    this.#workloads.set(refKey(workload), workload)
    for (const { action, node, pod, container, reason, at } of changes) {
      if (this.#containers.length >= MAX_CONTAINERS) return
      this.#containers.push({
        action,
        node,
        pod,
        container,
        at: this.#timeOf(at),
        ...(reason === undefined ? {} : { reason }),
      })
    }
  }

  /** Makes durable what has happened so far. */
  async note(): Promise<void> {
    this.#record = await this.#ledger.note(this.#record, {
      changes: this.#changes,
      containers: this.#containers,
      ...this.#healthy,
    })
  }

  /** Everything is healthy; what is replaced may still be ending. The first time counts. */
  async noteHealthy(message: string): Promise<void> {
    this.#healthy ??= { message, healthyAt: this.#now() }
    await this.note()
  }

  async close(state: RecordClosing['state'], message: string): Promise<void> {
    const healthyAt = state === 'Healthy' ? this.#healthy?.healthyAt : undefined
    await this.#ledger.close(this.#record, {
      state,
      message,
      changes: this.#changes,
      containers: this.#containers,
      ...(healthyAt === undefined ? {} : { healthyAt }),
    })
  }

  /** Agents tell whole seconds: what has just happened gets the time at which it was heard of, what is older its own. */
  #timeOf(at: string | undefined): string {
    const isFresh = at === undefined || Math.abs(this.#clock.now() - Date.parse(at)) < FRESH_MS
    return isFresh ? this.#now() : at
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString()
  }
}

function recordOutcome({ ref, action, outcome, message, at }: Outcome): RecordedChange {
  return { ref: recordRef(ref), action, outcome, at, ...(message === undefined ? {} : { message }) }
}
