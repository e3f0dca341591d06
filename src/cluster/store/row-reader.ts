import type { RowWrite } from './row.ts'
import type { RowFile } from './row-file.ts'

/** Rows of several writes that are kept while one reader is used. */
const MAX_KEPT = 32

/**
 * Finds writes in rows for one synchronous piece of work, such as a range. A row of many writes is read once and not once for
 * each of its keys, and what is found in it never keeps the whole row in memory.
 */
export class RowReader {
  readonly #file: RowFile
  readonly #kept = new Map<number, ReadonlyMap<string, RowWrite>>()

  constructor(file: RowFile) {
    this.#file = file
  }

  /** The write of `key` in the transaction of `revision`; undefined when the row is gone or lacks it. */
  find(revision: number, key: string): RowWrite | undefined {
    const kept = this.#kept.get(revision)
    if (kept !== undefined) return copyOf(kept.get(key))
    const writes = this.#file.read(revision)
    if (writes.length <= 1) return writes[0]?.key === key ? writes[0] : undefined
    return copyOf(this.#keep(revision, writes).get(key))
  }

  #keep(revision: number, writes: readonly RowWrite[]): ReadonlyMap<string, RowWrite> {
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear()
    const byKey = new Map(writes.map(write => [write.key, write]))
    this.#kept.set(revision, byKey)
    return byKey
  }
}

/** The values of a decoded row share its memory. */
function copyOf(write: RowWrite | undefined): RowWrite | undefined {
  return write && { ...write, value: Buffer.from(write.value) }
}
