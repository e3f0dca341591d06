import { SortedList } from '../../base/index.ts'

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

/**
 * Which versions every key has, sorted by key: the part of the store that is kept in memory (values stay on disk), as etcd
 * does.
 */
export class KeyIndex {
  readonly #entries = new Map<string, IndexEntry>()
  readonly #sorted = new SortedList<IndexEntry>(entry => entry.key, compareKeys)

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
    const added = { key, versions: [version] }
    this.#entries.set(key, added)
    this.#sorted.add(added)
  }

  /** Takes the version of `revision` away; the entry goes with its last version. */
  drop(key: string, revision: number): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) return
    const at = entry.versions.findIndex(version => version.revision === revision)
    if (at !== -1) entry.versions.splice(at, 1)
    if (entry.versions.length > 0) return
    this.#entries.delete(key)
    this.#sorted.remove(key)
  }

  /** The entries whose key starts with `prefix` and lies after `after`, ascending. Not to be changed while walked. */
  *walk(prefix: string, after?: string): Generator<IndexEntry> {
    const exclusive = after !== undefined && compareKeys(after, prefix) >= 0
    for (const entry of this.#sorted.from(exclusive ? after : prefix)) {
      if (exclusive && entry.key === after) continue
      if (!entry.key.startsWith(prefix)) return
      yield entry
    }
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

/** Code units that UTF-16 may order otherwise than UTF-8 does, among themselves. */
const HIGH = /[\ud800-\uffff]/

/** Orders keys by their UTF-8 bytes. JavaScript's own order differs above U+D7FF, where UTF-16 has its surrogates. */
function compareKeys(a: string, b: string): number {
  if (a === b) return 0
  if (!HIGH.test(a) || !HIGH.test(b)) return a < b ? -1 : 1
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
