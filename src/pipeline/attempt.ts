import type { Outcome } from '../apply/index.ts'
import {
  type Ledger,
  type RecordClosing,
  type RecordedChange,
  type RecordedContainer,
  type RecordOpening,
  recordRef,
} from '../audit/index.ts'
import type { Clock } from '../base/index.ts'
import type { RecordObject } from '../kube/index.ts'
import type { ContainerChange } from './container-changes.ts'

/** Container starts and stops that one record tells; a crash loop under a long deadline must not grow it without bound. */
const MAX_CONTAINERS = 1_000

/** One attempt at one commit in one app: its open record, and what has happened so far. */
export class Attempt {
  readonly #ledger: Ledger
  readonly #clock: Clock
  readonly #changes: RecordedChange[] = []
  readonly #containers: RecordedContainer[] = []
  #record: RecordObject

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

  get name(): string {
    return this.#record.metadata.name ?? ''
  }

  /** Whether any change so far failed, and may succeed later. */
  get outcomes(): readonly RecordedChange[] {
    return this.#changes
  }

  addOutcome({ ref, action, outcome, message, at }: Outcome): void {
    this.#changes.push({
      ref: recordRef(ref),
      action,
      outcome,
      at,
      ...(message === undefined ? {} : { message }),
    })
  }

  addContainer({ action, node, pod, container, reason, at }: ContainerChange): void {
    if (this.#containers.length >= MAX_CONTAINERS) return
    const when = at ?? new Date(this.#clock.now()).toISOString()
    this.#containers.push({
      action,
      node,
      pod,
      container,
      at: when,
      ...(reason === undefined ? {} : { reason }),
    })
  }

  /** Makes durable what has happened so far. */
  async note(): Promise<void> {
    this.#record = await this.#ledger.note(this.#record, {
      changes: this.#changes,
      containers: this.#containers,
    })
  }

  async close(state: RecordClosing['state'], message: string): Promise<void> {
    await this.#ledger.close(this.#record, {
      state,
      message,
      changes: this.#changes,
      containers: this.#containers,
    })
  }
}
