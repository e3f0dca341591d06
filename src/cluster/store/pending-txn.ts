import type { Version } from './key-index.ts'
import { encodeRow, type RowWrite } from './row.ts'

/** A write that has its revision, and what it replaces. */
export interface PendingWrite extends RowWrite {
  readonly previous: Version | undefined
}

/** A transaction that has its revision and waits for the disk. */
export class PendingTxn {
  readonly revision: number
  readonly writes: readonly PendingWrite[]
  readonly row: Buffer
  /** Resolves when the transaction is durable; rejects when it never happened. */
  readonly settled: Promise<void>
  #settle: (error?: unknown) => void = () => {}

  constructor(revision: number, writes: readonly PendingWrite[]) {
    this.revision = revision
    this.writes = writes
    this.row = encodeRow(writes)
    this.settled = new Promise((resolve, reject) => {
      this.#settle = error => (error === undefined ? resolve() : reject(error))
    })
  }

  settle(error?: unknown): void {
    this.#settle(error)
  }
}
