/** How much history the store keeps for pages and watches that are behind. */
export interface Retention {
  /** Revisions younger than this are kept, in ms, as far as the two bounds below allow. */
  readonly keepMs: number
  /** At most so many revisions. */
  readonly maxRevisions: number
  /** At most so many bytes of rows. */
  readonly maxBytes: number
}

/** Twice what upstream's etcd keeps for its clients (5 min), in bounds that a small host does not notice. */
export const DEFAULT_RETENTION: Retention = {
  keepMs: 600_000,
  maxRevisions: 20_000,
  maxBytes: 32 * 1024 * 1024,
}

interface Sample {
  readonly at: number
  readonly revision: number
  /** Bytes of all rows up to this one. */
  readonly bytes: number
}

/** A bound is passed by at most this part of it before it is noticed. */
const GRAIN = 16

/** Remembers roughly when each revision was made, and tells what may be forgotten. Pure: the time is an argument. */
export class RetentionLedger {
  readonly #retention: Retention
  #samples: Sample[] = []
  #floor: Sample
  #newest: Sample

  /** `revision` is the newest so far, `bytes` the size of the history that is there already. */
  constructor(retention: Retention, now: number, compacted: number, revision: number, bytes: number) {
    this.#retention = retention
    this.#floor = { at: now, revision: compacted, bytes: 0 }
    this.#newest = { at: now, revision, bytes }
    if (revision > compacted) this.#samples.push(this.#newest)
  }

  /** Revisions up to `revision` were made by now, with `bytes` of rows since the last note. */
  note(now: number, revision: number, bytes: number): void {
    this.#newest = { at: now, revision, bytes: this.#newest.bytes + bytes }
    const last = this.#samples.at(-1) ?? this.#floor
    const { keepMs, maxRevisions, maxBytes } = this.#retention
    if (
      now - last.at >= keepMs / GRAIN ||
      revision - last.revision >= maxRevisions / GRAIN ||
      this.#newest.bytes - last.bytes >= maxBytes / GRAIN
    )
      this.#samples.push(this.#newest)
  }

  /** Up to which revision history may go now; undefined for nothing to do. */
  due(now: number): number | undefined {
    const { keepMs, maxRevisions, maxBytes } = this.#retention
    const newest = this.#newest
    if (newest.revision > (this.#samples.at(-1) ?? this.#floor).revision && now - newest.at >= keepMs)
      this.#samples.push(newest)
    const tooMany = newest.revision - this.#floor.revision > maxRevisions
    const tooBig = newest.bytes - this.#floor.bytes > maxBytes
    let found: Sample | undefined
    for (const sample of this.#samples) {
      const old = now - sample.at >= keepMs
      const beyond = tooMany && newest.revision - sample.revision >= maxRevisions / 2
      const heavy = tooBig && newest.bytes - sample.bytes >= maxBytes / 2
      if (old || beyond || heavy) found = sample
    }
    return found?.revision
  }

  /** History up to `revision` is forgotten. */
  compacted(revision: number): void {
    const gone = this.#samples.filter(sample => sample.revision <= revision)
    this.#samples = this.#samples.slice(gone.length)
    const last = gone.at(-1)
    this.#floor = { at: last?.at ?? this.#floor.at, revision, bytes: last?.bytes ?? this.#floor.bytes }
  }
}
