import type { GitReader } from '../git/git-reader.ts'
import type { TreeEntry } from '../git/object.ts'

/** One folder of a commit, sorted into what matters here. Free of its path: equal trees share it. */
export interface TreeListing {
  /** Files that can hold manifests: `*.yaml`, `*.yml`, `*.json`. */
  readonly manifests: readonly TreeEntry[]
  readonly folders: readonly TreeEntry[]
  /** Symbolic links and submodules, which are never followed. */
  readonly refused: readonly TreeEntry[]
}

/** Listings that are kept; one is some hundred bytes for an ordinary folder. */
const MAX_LISTINGS = 20_000

/** Reads folders by tree id, each once. */
export class TreeListings {
  readonly #reader: GitReader
  readonly #listings = new Map<string, TreeListing>()

  constructor(reader: GitReader) {
    this.#reader = reader
  }

  async read(oid: string): Promise<TreeListing> {
    const known = this.#listings.get(oid)
    if (known !== undefined) return known
    const listing = sortEntries(await this.#reader.readTree(oid))
    if (this.#listings.size >= MAX_LISTINGS) this.#listings.clear()
    this.#listings.set(oid, listing)
    return listing
  }
}

function sortEntries(entries: readonly TreeEntry[]): TreeListing {
  return {
    manifests: entries.filter(({ type, name }) => type === 'blob' && isManifestName(name)),
    // Git never stores such a name; one that is there was made to lead somewhere else.
    folders: entries.filter(({ type, name }) => type === 'tree' && !isHostileName(name)),
    refused: entries.filter(
      ({ type, name }) => type === 'symlink' || type === 'commit' || (type === 'tree' && isHostileName(name)),
    ),
  }
}

function isManifestName(name: string): boolean {
  return /\.(?:ya?ml|json)$/i.test(name) && !name.includes('/')
}

function isHostileName(name: string): boolean {
  return name === '.' || name === '..' || name.includes('/') || /^\.git$/i.test(name)
}
