import { BowlineError, breathe, hasCode } from '../../base/index.ts'
import { type Commit, type GitObject, parseCommit, parseTree, type TreeEntry } from './object.ts'
import type { ObjectDatabase } from './object-database.ts'
import { isObjectId, isRefName } from './ref-name.ts'

/** Commits that one question looks at; a longer, or wider, history is cut there. */
const MAX_COMMITS = 20_000

/** About a hundred thousand entries of one folder, which are parsed in one go. */
const MAX_TREE_BYTES = 4 * 1024 * 1024

/** Looking at one repository's history and trees; never at a work tree. */
export interface GitReader {
  /**
   * The commit that a person's text names: `HEAD`, a branch, a tag, a full ref, an id or a prefix of one (4 digits or more),
   * each with any of `~`, `~n`, `^`, `^n` behind it. Throws `not-found`, or `bad-input` for what no commit can be called.
   */
  resolve(revision: string): Promise<string>
  readCommit(id: string): Promise<Commit>
  /** Throws as {@link ObjectDatabase.read}, and `unsupported` also for a folder with more than about a hundred thousand entries. */
  readTree(oid: string): Promise<readonly TreeEntry[]>
  /** One blob's bytes. Throws as {@link ObjectDatabase.read}. */
  readBlob(oid: string): Promise<Buffer>
  /** Many blobs in the order of their ids; an error stands in the place of a blob that cannot be read. */
  readBlobs(oids: readonly string[]): AsyncIterable<Buffer | Error>
  /** The commits that `to` has and `from` (undefined: nothing) has not, newest first, as `git rev-list from..to`; at most `limit`. */
  log(from: string | undefined, to: string, limit: number): Promise<readonly Commit[]>
  /** True when `ancestor` is `descendant` or one of its ancestors; false for one that is no longer in the repository. */
  isAncestor(ancestor: string, descendant: string): Promise<boolean>
}

/** The reader over a repository's storage. */
export function createGitReader(database: ObjectDatabase): GitReader {
  const readCommit = async (id: string): Promise<Commit> => {
    return parseCommit(await expectType(database.read(id), 'commit'))
  }
  return {
    resolve: revision => resolveRevision(database, readCommit, revision),
    readCommit,
    readTree: async oid => {
      const tree = await expectType(database.read(oid), 'tree')
      if (tree.bytes.length <= MAX_TREE_BYTES) return parseTree(tree)
      throw new BowlineError('unsupported', `Cannot read tree ${oid}: it has too many entries`)
    },
    readBlob: async oid => (await expectType(database.read(oid), 'blob')).bytes,
    async *readBlobs(oids) {
      for await (const object of database.readMany(oids))
        yield object instanceof Error
          ? object
          : object.type === 'blob'
            ? object.bytes
            : wrongType(object, 'blob')
    },
    log: (from, to, limit) => listCommits(readCommit, from, to, limit),
    isAncestor: async (ancestor, descendant) => {
      const oldest = await readCommit(ancestor).then(
        commit => commit.committer.timeMs,
        (error: unknown) => {
          // What a rewrite and a gc took away is nobody's ancestor.
          if (hasCode(error, 'not-found')) return undefined
          throw error
        },
      )
      if (oldest === undefined) return false
      for await (const commit of walkBack(readCommit, descendant, oldest))
        if (commit.id === ancestor) return true
      return false
    },
  }
}

async function expectType(reading: Promise<GitObject>, type: GitObject['type']): Promise<GitObject> {
  const object = await reading
  if (object.type !== type) throw wrongType(object, type)
  return object
}

function wrongType(object: GitObject, type: string): BowlineError {
  return new BowlineError('bad-input', `Cannot read ${type} ${object.oid}: it is a ${object.type}`)
}

type CommitSource = (id: string) => Promise<Commit>

async function resolveRevision(
  database: ObjectDatabase,
  readCommit: CommitSource,
  revision: string,
): Promise<string> {
  const match = /^([^~^]+)((?:~\d{0,6}|\^\d{0,2})*)$/.exec(revision.trim())
  if (match === null)
    throw new BowlineError('bad-input', `Cannot find commit "${shown(revision)}": it names none`)
  const [, base = '', steps = ''] = match
  let id = await peelToCommit(database, await resolveBase(database, base, revision), revision)
  for (const [, operator, digits = ''] of steps.matchAll(/([~^])(\d*)/g)) {
    const count = digits === '' ? 1 : Number(digits)
    if (operator === '~')
      for (let at = 0; at < count; at += 1) id = await parentOf(readCommit, id, 1, revision)
    else if (count > 0) id = await parentOf(readCommit, id, count, revision)
  }
  return id
}

/** In the order of `git rev-parse`: an exact ref, a tag, a branch; then an id or its beginning. */
async function resolveBase(database: ObjectDatabase, base: string, revision: string): Promise<string> {
  if (isObjectId(base)) return base
  if (isRefName(base)) {
    const candidates =
      base === 'HEAD' || base.startsWith('refs/') ? [base] : [`refs/tags/${base}`, `refs/heads/${base}`]
    for (const ref of candidates) {
      const oid = await database.resolveRef(ref)
      if (oid !== undefined) return oid
    }
  }
  const expanded = /^[0-9a-f]{4,64}$/.test(base) ? await database.expand(base) : undefined
  if (expanded === undefined)
    throw new BowlineError(
      'not-found',
      `Cannot find commit "${shown(revision)}": the repository has none of that name`,
    )
  return expanded
}

async function peelToCommit(database: ObjectDatabase, oid: string, revision: string): Promise<string> {
  let object = await database.read(oid)
  for (let depth = 0; object.type === 'tag' && depth < 5; depth += 1) {
    const target = /^object ([0-9a-f]+)$/m.exec(object.bytes.toString('utf8'))?.[1]
    object = await database.read(target ?? '')
  }
  if (object.type !== 'commit')
    throw new BowlineError('not-found', `Cannot find commit "${shown(revision)}": it names a ${object.type}`)
  return object.oid
}

async function parentOf(
  readCommit: CommitSource,
  id: string,
  nth: number,
  revision: string,
): Promise<string> {
  const parent = (await readCommit(id)).parents[nth - 1]
  if (parent === undefined)
    throw new BowlineError(
      'not-found',
      `Cannot find commit "${shown(revision)}": the history does not reach so far`,
    )
  return parent
}

function shown(text: string): string {
  return text.slice(0, 100).replace(/\p{Cc}/gu, '?')
}

/** How far a clock may have been off when commits are compared by time. */
const CLOCK_SKEW_MS = 24 * 3_600_000

/** What a walk keeps of a commit: of thousands the messages would fill the memory. */
interface Step {
  readonly id: string
  readonly parents: readonly string[]
  readonly timeMs: number
}

function stepOf({ id, parents, committer }: Commit): Step {
  return { id, parents, timeMs: committer.timeMs }
}

/** Commits from `start` back, newest first, as far as they are not older than `oldestMs`. */
async function* walkBack(readCommit: CommitSource, start: string, oldestMs: number): AsyncGenerator<Step> {
  const seen = new Set([start])
  const queue: Step[] = [stepOf(await readCommit(start))]
  while (queue.length > 0) {
    await breathe()
    const step = takeNewest(queue)
    yield step
    for (const parent of step.parents) {
      if (seen.has(parent) || seen.size >= MAX_COMMITS) continue
      seen.add(parent)
      const next = stepOf(await readCommit(parent))
      if (next.timeMs >= oldestMs - CLOCK_SKEW_MS) queue.push(next)
    }
  }
}

/**
 * Walks both histories newest first, `from`'s marked as known, until only known commits are left. As in Git (`limit_list`) a few more
 * are looked at after that, so that a commit with a wrong clock does not end the walk too early.
 */
async function listCommits(
  readCommit: CommitSource,
  from: string | undefined,
  to: string,
  limit: number,
): Promise<readonly Commit[]> {
  const known = new Set<string>()
  const seen = new Map<string, Step>()
  const queue: Step[] = []
  async function enqueue(id: string): Promise<void> {
    if (seen.has(id) || seen.size >= MAX_COMMITS) return
    const step = stepOf(await readCommit(id))
    seen.set(id, step)
    queue.push(step)
  }
  if (from !== undefined) {
    known.add(from)
    await enqueue(from)
  }
  await enqueue(to)
  const found: string[] = []
  let slop = 5
  while (queue.length > 0) {
    await breathe()
    if (queue.every(({ id }) => known.has(id))) slop -= 1
    if (slop < 0) break
    const step = takeNewest(queue)
    if (known.has(step.id)) markKnown(step, known, seen)
    else found.push(step.id)
    for (const parent of step.parents) await enqueue(parent)
  }
  const commits: Commit[] = []
  for (const id of found.filter(id => !known.has(id)).slice(0, limit)) commits.push(await readCommit(id))
  return commits
}

/** Marks the parents, and what was already seen beyond them. */
function markKnown({ parents }: Step, known: Set<string>, seen: ReadonlyMap<string, Step>): void {
  const waiting = [...parents]
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    if (known.has(id)) continue
    known.add(id)
    waiting.push(...(seen.get(id)?.parents ?? []))
  }
}

function takeNewest(queue: Step[]): Step {
  let newest = 0
  for (const [index, { timeMs }] of queue.entries())
    if (timeMs > (queue[newest] as Step).timeMs) newest = index
  return queue.splice(newest, 1)[0] as Step
}
