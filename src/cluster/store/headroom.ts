import { closeSync, fstatSync, openSync, writeSync } from 'node:fs'

/** How far LMDB has used the file. */
export interface PageUse {
  readonly pageSize: number
  readonly lastPageNumber: number
}

/** What one change may cost beside its bytes: a page that they begin, a leaf, and a branch above it. */
const PAGES_PER_CHANGE = 3
/** The other branches, the lists of free pages, and the meta page. */
const PAGES_PER_COMMIT = 64
/** By which the file grows, so that it seldom has to. */
const STEP_BYTES = 1024 * 1024

/**
 * Room at the end of LMDB's file for what it writes next. Once a page does not fit on the disk, lmdb 3.5 damages the memory of the
 * process, which ends some failed commits later; so the room is taken before each commit, by plain writes that may fail. Not to be
 * called while a commit is under way.
 */
export class Headroom {
  readonly #file: number
  readonly #use: () => PageUse
  readonly #pageSize: number
  /** At least so many bytes are there for commits to come. */
  #left = 0

  /** `use` is asked between commits. */
  constructor(path: string, use: () => PageUse) {
    this.#file = openSync(path, 'r+')
    this.#use = use
    this.#pageSize = use().pageSize
  }

  /** Throws the system's error, mostly ENOSPC, when there is no room for a commit of so many changes and bytes. */
  ensure({ changes, bytes }: { readonly changes: number; readonly bytes: number }): void {
    const needed = bytes + (changes * PAGES_PER_CHANGE + PAGES_PER_COMMIT) * this.#pageSize
    if (this.#left < needed) {
      const used = (this.#use().lastPageNumber + 1) * this.#pageSize
      // From where the file ends: pages that LMDB counts as used and never wrote have no room there yet.
      this.#left = this.#grow(fstatSync(this.#file).size, used + needed) - used
    }
    this.#left -= needed
  }

  close(): void {
    closeSync(this.#file)
  }

  /** Answers with the size that the file has then, at least `wanted`. */
  #grow(size: number, wanted: number): number {
    if (size >= wanted) return size
    const zeros = Buffer.alloc(STEP_BYTES)
    let end = size
    try {
      while (end < wanted) end += writeSync(this.#file, zeros, 0, STEP_BYTES, end)
    } catch (error) {
      // The last step is larger than what is needed.
      if (end < wanted) throw error
    }
    return end
  }
}
