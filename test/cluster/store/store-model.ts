import type { Compare, Operation } from '../../../src/base/index.ts'

interface Cell {
  readonly value: string
  readonly modRevision: number
}

/** The store's contract in its plainest form: a whole map for every revision. */
export class StoreModel {
  compacted = 0
  readonly #states: ReadonlyMap<string, Cell>[] = [new Map(), new Map()]
  readonly #events: unknown[][] = []

  get revision(): number {
    return this.#states.length - 1
  }

  txn(compares: readonly Compare[], operations: readonly Operation[]): unknown {
    const state = this.#states[this.revision]!
    const failed = compares.filter(
      ({ key, modRevision }) => (state.get(key)?.modRevision ?? 0) !== modRevision,
    )
    if (failed.length > 0) return { ok: false, revision: this.revision, failed: failed.map(({ key }) => key) }
    const next = new Map(state)
    const revision = this.revision + 1
    const events: unknown[] = []
    for (const operation of operations) {
      const before = state.get(operation.key)
      if (operation.type === 'put') {
        const value = Buffer.from(operation.value).toString('latin1')
        next.set(operation.key, { value, modRevision: revision })
        events.push([revision, 'put', operation.key, value, before?.value ?? ''])
      } else if (next.delete(operation.key))
        events.push([revision, 'delete', operation.key, '', before?.value])
    }
    if (events.length === 0) return { ok: true, revision: this.revision }
    this.#states.push(next)
    this.#events[revision] = events
    return { ok: true, revision }
  }

  stateAt(revision: number): unknown[] {
    return [...this.#states[revision]!]
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .map(([key, { value, modRevision }]) => [key, value, modRevision])
  }

  eventsFrom(revision: number): unknown[] {
    return this.#events.slice(revision).flat()
  }
}
