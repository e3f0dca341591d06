/** One state of one key. */
export interface Version {
  /** The revision of the transaction that made it. */
  readonly revision: number
  /** The revision that created the key; 0 when this version is its deletion. */
  readonly createRevision: number
}

/** A key and its known versions, oldest first, never empty while the entry is in the index. */
export interface IndexEntry {
  readonly key: string
  readonly versions: Version[]
}

/** Entries in one block of the sorted list; a full block is split in two. */
const BLOCK = 512

/**
 * Which versions every key has, sorted by key: the part of the store that is kept in memory (values stay on disk), as etcd
 * does. A list of small sorted blocks: an insertion moves at most one block, a walk is a walk over arrays.
 */
export class KeyIndex {
  readonly #entries = new Map<string, IndexEntry>()
  readonly #blocks: IndexEntry[][] = [[]]

  get(key: string): IndexEntry | undefined {
    return this.#entries.get(key)
  }

  /** Adds a version; its revision is above all others of the key. */
  append(key: string, version: Version): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) {
      entry.versions.push(version)
      return
    }
    this.#insert({ key, versions: [version] })
  }

  /** Takes the version of `revision` away; the entry goes with its last version. */
  drop(key: string, revision: number): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    const at = entry.versions.findIndex(version => version.revision === revision)
    if (at !== -1) entry.versions.splice(at, 1)
    if (entry.versions.length === 0) this.#remove(key)
  }

  /** The entries whose key starts with `prefix` and lies after `after`, ascending. Not to be changed while walked. */
  *walk(prefix: string, after?: string): Generator<IndexEntry> {
    const exclusive = after !== undefined && compareKeys(after, prefix) >= 0
    const start = exclusive ? after : prefix
    let block = this.#blockOf(start)
    let at = lowerBound(this.#blocks[block]!, start)
    for (; block < this.#blocks.length; block += 1, at = 0) {
      const entries = this.#blocks[block]!
      for (; at < entries.length; at += 1) {
        const entry = entries[at]!
        if (exclusive && entry.key === start) continue
        if (!entry.key.startsWith(prefix)) return
        yield entry
      }
    }
  }

  #insert(entry: IndexEntry): void {
    this.#entries.set(entry.key, entry)
    const at = this.#blockOf(entry.key)
    const block = this.#blocks[at]!
    block.splice(lowerBound(block, entry.key), 0, entry)
    if (block.length > BLOCK) this.#blocks.splice(at + 1, 0, block.splice(BLOCK / 2))
  }

  #remove(key: string): void {
    this.#entries.delete(key)
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    block.splice(lowerBound(block, key), 1)
    if (block.length === 0 && this.#blocks.length > 1) this.#blocks.splice(at, 1)
  }

  /** The block that holds `key`, or would: the last one whose first key is not above it. */
  #blockOf(key: string): number {
    let low = 0
    let high = this.#blocks.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (compareKeys(this.#blocks[middle]![0]!.key, key) <= 0) low = middle
      else high = middle - 1
    }
    return low
  }
}

/** The newest version that is not above `revision`; undefined when the key did not exist then. */
export function versionAt(entry: IndexEntry | undefined, revision: number): Version | undefined {
  if (entry === undefined) return undefined
  for (let at = entry.versions.length - 1; at >= 0; at -= 1) {
    const version = entry.versions[at]!
    if (version.revision <= revision) return version.createRevision === 0 ? undefined : version
  }
  return undefined
}

/** Orders keys by their UTF-8 bytes. JavaScript's own order differs above U+D7FF, where UTF-16 has its surrogates. */
function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at += 1) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left !== right) return utf8Rank(left) - utf8Rank(right)
  }
  return a.length - b.length
}

/** Moves surrogates (characters above U+FFFF) behind the other code units, where their UTF-8 form sorts. */
function utf8Rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}

/** The first position in `entries` whose key is not below `key`. */
function lowerBound(entries: readonly IndexEntry[], key: string): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareKeys(entries[middle]!.key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
