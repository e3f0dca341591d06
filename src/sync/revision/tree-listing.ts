import type { GitReader } from '../git/git-reader.ts'
import type { TreeEntry } from '../git/object.ts'

/** One folder of a commit, sorted into what matters here. Free of its path: equal trees share it. */
export interface TreeListing {
  /** Files that can hold manifests: `*.yaml`, `*.yml`, `*.json`. */
  readonly manifests: readonly TreeEntry[]
  readonly folders: readonly TreeEntry[]
  /** Symbolic links and submodules, which are never followed, and what has a name that is never used. */
  readonly refused: readonly TreeEntry[]
}

/** Listings that are kept, and what they may list; one is some hundred bytes for an ordinary folder. */
const MAX_LISTINGS = 20_000
const MAX_LISTED = 500_000

/** Reads folders by tree id, each once. */
export class TreeListings {
  readonly #reader: GitReader
  readonly #listings = new Map<string, TreeListing>()
  #listed = 0

  constructor(reader: GitReader) {
    this.#reader = reader
  }

  async read(oid: string): Promise<TreeListing> {
    const known = this.#listings.get(oid)
    if (known !== undefined) return known
    const listing = sortEntries(await this.#reader.readTree(oid))
    this.#listed += listing.manifests.length + listing.folders.length + listing.refused.length
    if (this.#listings.size >= MAX_LISTINGS || this.#listed > MAX_LISTED) {
      this.#listings.clear()
      this.#listed = 0
    }
    this.#listings.set(oid, listing)
    return listing
  }

  /** Reads several at once; what cannot be read is told to whoever asks for it alone. */
  async readAll(trees: readonly Pick<TreeEntry, 'oid'>[]): Promise<void> {
    await Promise.allSettled(trees.map(({ oid }) => this.read(oid)))
  }
}

function sortEntries(entries: readonly TreeEntry[]): TreeListing {
  return {
    manifests: entries.filter(entry => isManifest(entry) && !isHostileName(entry.name)),
    folders: entries.filter(({ type, name }) => type === 'tree' && !isHostileName(name)),
    refused: entries.filter(entry => {
      const { type, name } = entry
      if (type === 'symlink' || type === 'commit') return true
      return (type === 'tree' || isManifest(entry)) && isHostileName(name)
    }),
  }
}

function isManifest({ type, name }: TreeEntry): boolean {
  return type === 'blob' && /\.(?:ya?ml|json)$/i.test(name)
}

/**
 * A name that was made to lead somewhere else (Git never stores such), or to do something to the terminal of whoever reads it:
 * control characters, and those that turn the direction of text.
 */
export function isHostileName(name: string): boolean {
  if (name === '.' || name === '..' || name.includes('/') || /^\.git$/i.test(name)) return true
  return name.length > MAX_NAME || UNPRINTABLE.test(name)
}

/** A name as it can be shown to anyone. */
export function printableName(name: string): string {
  const shown = name.replace(new RegExp(UNPRINTABLE, 'gu'), character => {
    const code = character.codePointAt(0) ?? 0
    return `\\u{${code.toString(16)}}`
  })
  return shown.length > MAX_NAME ? `${shown.slice(0, MAX_NAME)}…` : shown
}

/** As file systems; a tree may hold more. */
const MAX_NAME = 255
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u
