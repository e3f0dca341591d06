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
    const writes = this.#kept.get(revision) ?? this.#read(revision)
    if (writes.size === 1) return writes.get(key)
    const write = writes.get(key)
    // A copy: the values of a decoded row share its memory.
    return write === undefined ? undefined : { ...write, value: Uint8Array.from(write.value) }
  }

  #read(revision: number): ReadonlyMap<string, RowWrite> {
    const writes = new Map(this.#file.read(revision).map(write => [write.key, write]))
    if (writes.size <= 1) return writes
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear()
    this.#kept.set(revision, writes)
    return writes
  }
}
