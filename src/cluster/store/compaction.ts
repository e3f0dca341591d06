import type { KeyIndex } from './key-index.ts'
import type { RowWrite } from './row.ts'

/** A version that nobody needs once history up to `at` is forgotten. */
interface Superseded {
  readonly at: number
  readonly key: string
  readonly revision: number
}

/** Forgotten versions that one group of writes carries along. */
const SWEEP_CHUNK = 512

/**
 * What may be forgotten and what is being forgotten. Forgetting takes versions out of the index at once; their rows leave
 * the disk a chunk at a time, along with the groups of writes.
 */
export class Compaction {
  /** History before this revision is gone for readers. */
  revision: number
  /** The same, as far as the disk knows. */
  durable: number
  readonly #index: KeyIndex
  /** Ascending by `at`. */
  #superseded: Superseded[] = []
  #sweep: Superseded[] = []

  constructor(index: KeyIndex, revision: number) {
    this.#index = index
    this.revision = revision
    this.durable = revision
  }

  /** True while rows wait to leave the disk. */
  get sweeping(): boolean {
    return this.#sweep.length > 0
  }

  /** True when a later call of `forget` can free something. */
  get hasHistory(): boolean {
    return this.#superseded.length > 0
  }

  /** Enters a write of `revision` into the index, and what it makes superfluous into the list. */
  record(write: Omit<RowWrite, 'value'>, revision: number): void {
    const before = this.#index.get(write.key)?.versions.at(-1)
    if (before !== undefined && before.createRevision !== 0)
      this.#superseded.push({ at: revision, key: write.key, revision: before.revision })
    if (write.createRevision === 0) this.#superseded.push({ at: revision, key: write.key, revision })
    this.#index.append(write.key, { revision, createRevision: write.createRevision })
  }

  /** Takes back what was recorded above `revision`. */
  undo(revision: number): void {
    while ((this.#superseded.at(-1)?.at ?? 0) > revision) this.#superseded.pop()
  }

  /** Forgets history before `revision`. */
  forget(revision: number): void {
    this.revision = Math.max(this.revision, revision)
    const kept = this.#superseded.findIndex(item => item.at > revision)
    const gone = this.#superseded.splice(0, kept === -1 ? this.#superseded.length : kept)
    for (const item of gone) {
      this.#index.drop(item.key, item.revision)
      this.#sweep.push(item)
    }
  }

  /**
   * The next rows to trim, and how many items of the list they stand for. What one revision superseded is never divided:
   * a deletion must not leave the disk before what it deleted, or a restart would bring that back.
   */
  nextChunk(): { readonly revisions: ReadonlySet<number>; readonly items: number } {
    let items = Math.min(SWEEP_CHUNK, this.#sweep.length)
    while (items > 0 && this.#sweep[items]?.at === this.#sweep[items - 1]!.at) items += 1
    return { revisions: new Set(this.#sweep.slice(0, items).map(item => item.revision)), items }
  }

  /** The first `items` of the list have left the disk. */
  swept(items: number): void {
    this.#sweep.splice(0, items)
  }
}
