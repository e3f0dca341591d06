import { BowlineError } from '../base/index.ts'
import type { GitReader } from './git/git-reader.ts'
import { type Commit, serializeCommit, serializeTree, type TreeEntry } from './git/object.ts'
import type { Repository } from './repository/repository.ts'

export interface RevertOptions {
  /** The commit to undo, by its full id. */
  readonly commit: string
  /** Who asks; becomes author and committer. */
  readonly author: { readonly name: string; readonly email: string }
  /** Milliseconds since the epoch. */
  readonly nowMs: number
  /** More trailers of the message, such as `Bowline-Allow-Delete: 3`. */
  readonly trailers?: readonly { readonly key: string; readonly value: string }[]
  readonly signal: AbortSignal
}

export interface Revert {
  /** The new commit, on top of `parent`. Nothing points at it yet: hand both to `Repository.publish`. */
  readonly commit: string
  /** The branch's head that it was made for. */
  readonly parent: string
  readonly reverted: Commit
}

/** Paths that a message names before it says how many more there are. */
const MAX_NAMED = 5

/**
 * Makes the commit of `git revert` in the object database: the branch's newest tree without what one commit changed. No work tree and
 * no index is touched, and the branch stays where it is. Whole files are compared: throws `conflict` when a file of that commit was
 * changed again since, `bad-input` for a merge or when there is nothing left to undo.
 */
export async function createRevert(repository: Repository, options: RevertOptions): Promise<Revert> {
  const { commit, author, nowMs, trailers = [], signal } = options
  const { reader } = repository
  const parent = await repository.head(signal)
  const [head, reverted] = [await reader.readCommit(parent), await reader.readCommit(commit)]
  const fail = (code: 'bad-input' | 'conflict', state: string): BowlineError =>
    new BowlineError(code, `Cannot revert ${commit.slice(0, 7)} "${reverted.subject.slice(0, 80)}": ${state}`)
  if (reverted.parents.length > 1)
    throw fail('bad-input', 'it is a merge; revert the commits that it brought in, or use "git revert -m"')
  if (!(await reader.isAncestor(commit, parent)))
    throw fail('bad-input', `it is not in the history of branch ${repository.branch}`)
  const [before] = reverted.parents
  const merge = new TreeMerge(repository, signal)
  const tree = await merge.run({
    base: reverted.tree,
    ours: head.tree,
    theirs: before === undefined ? undefined : (await reader.readCommit(before)).tree,
  })
  if (merge.conflicts.length > 0)
    throw fail(
      'conflict',
      `changed again since: ${namePaths(merge.conflicts)}; use "git revert" and settle it by hand`,
    )
  if (tree === head.tree) throw fail('bad-input', 'nothing of it is left in the newest commit')
  const message = revertMessage(reverted, trailers)
  const bytes = serializeCommit({ tree, parents: [parent], author, timeMs: nowMs, message })
  return { commit: await repository.write('commit', bytes), parent, reverted }
}

/** As `git revert` words it, so that tools that know its form know this one. */
function revertMessage(
  { id, message }: Pick<Commit, 'id' | 'message'>,
  trailers: readonly { readonly key: string; readonly value: string }[],
): string {
  const lines = trailers.map(({ key, value }) => `${key}: ${value.replace(/\s+/g, ' ').trim()}`)
  const end = lines.length === 0 ? '' : `\n\n${lines.join('\n')}`
  // Only the first line, where `git log --oneline` would show the whole first paragraph.
  return `Revert "${message.split('\n')[0]}"\n\nThis reverts commit ${id}.${end}\n`
}

interface Sides<T> {
  readonly base: T | undefined
  readonly ours: T | undefined
  readonly theirs: T | undefined
}

/** A three-way merge of trees by whole entries: what only one side changed is taken from that side. */
class TreeMerge {
  readonly conflicts: string[] = []
  readonly #repository: Repository
  readonly #reader: GitReader
  readonly #signal: AbortSignal

  constructor(repository: Repository, signal: AbortSignal) {
    this.#repository = repository
    this.#reader = repository.reader
    this.#signal = signal
  }

  /** The id of the merged root tree; an empty one is written as Git's empty tree. */
  async run(trees: Sides<string>): Promise<string> {
    return (await this.#mergeTrees(trees, '')) ?? this.#repository.write('tree', Buffer.alloc(0))
  }

  /** Undefined when nothing is left of the folder. */
  async #mergeTrees({ base, ours, theirs }: Sides<string>, path: string): Promise<string | undefined> {
    this.#signal.throwIfAborted()
    if (base === theirs || ours === theirs) return ours
    if (ours === base) return theirs
    const sides = {
      base: await this.#entries(base),
      ours: await this.#entries(ours),
      theirs: await this.#entries(theirs),
    }
    const names = new Set([...sides.base.keys(), ...sides.ours.keys(), ...sides.theirs.keys()])
    const merged: TreeEntry[] = []
    for (const name of names) {
      const entry = await this.#mergeEntries(
        { base: sides.base.get(name), ours: sides.ours.get(name), theirs: sides.theirs.get(name) },
        path === '' ? name : `${path}/${name}`,
      )
      if (entry !== undefined) merged.push(entry)
    }
    return merged.length === 0 ? undefined : this.#repository.write('tree', serializeTree(merged))
  }

  async #mergeEntries(entries: Sides<TreeEntry>, path: string): Promise<TreeEntry | undefined> {
    const { base, ours, theirs } = entries
    if (isSame(base, theirs) || isSame(ours, theirs)) return ours
    if (isSame(ours, base)) return theirs
    const all = [base, ours, theirs]
    const trees = all.filter(entry => entry?.type === 'tree')
    if (trees.length === 0 || all.some(entry => entry !== undefined && entry.type !== 'tree')) {
      this.conflicts.push(path)
      return ours
    }
    const oid = await this.#mergeTrees({ base: base?.oid, ours: ours?.oid, theirs: theirs?.oid }, path)
    return oid === undefined ? undefined : { ...(trees[0] as TreeEntry), oid }
  }

  async #entries(tree: string | undefined): Promise<ReadonlyMap<string, TreeEntry>> {
    const entries = tree === undefined ? [] : await this.#reader.readTree(tree)
    return new Map(entries.map(entry => [entry.name, entry]))
  }
}

function isSame(a: TreeEntry | undefined, b: TreeEntry | undefined): boolean {
  return a?.oid === b?.oid && a?.mode === b?.mode
}

function namePaths(paths: readonly string[]): string {
  const more = paths.length - MAX_NAMED
  return `${paths.slice(0, MAX_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
