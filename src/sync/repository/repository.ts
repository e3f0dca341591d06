import { BowlineError, messageOf } from '../../base/index.ts'
import type { GitReader } from '../git/git-reader.ts'
import type { ObjectType } from '../git/object.ts'

/** One branch of one repository: where its head is, and everything that can be read from there. */
export interface Repository {
  /** The folder or the address, safe to print. */
  readonly location: string
  readonly branch: string
  readonly reader: GitReader
  /**
   * The branch's newest commit, all of which can be read afterwards; a remote is asked, and fetched when it moved.
   * Throws a BowlineError that {@link describeProblem} can put in words.
   */
  head(signal: AbortSignal): Promise<string>
  /** Stores an object, to be published with {@link Repository.publish}. */
  write(type: ObjectType, bytes: Buffer): Promise<string>
  /** Moves the branch from `before` to `after`, here or at the remote. Throws `conflict` when the branch was elsewhere. */
  publish(after: string, before: string, signal: AbortSignal): Promise<void>
  /** Calls `wake` whenever the branch may have moved, until the signal aborts. Only a hint: ask `head` again. */
  listen(wake: () => void, signal: AbortSignal): void
  /** How often to ask without a hint: the safety net of a local repository, the poll of a remote one. */
  readonly pollMs: number
  /** True when the branch is checked out in a work tree, which does not follow when the branch is moved. */
  isCheckedOut(): Promise<boolean>
  close(): Promise<void>
}

/** Why a source gives no revision. Nothing is ever deleted because of one. */
export interface SourceProblem {
  readonly code: 'missing-branch' | 'unauthorized' | 'unreachable' | 'unreadable' | 'unsupported'
  /** "Cannot …: …"; holds no credential. */
  readonly message: string
}

/** A branch that the repository does not have. */
export function missingBranch(location: string, branch: string): BowlineError {
  return new BowlineError(
    'not-found',
    `Cannot read branch ${branch} of ${location}: there is no such branch`,
    {
      retryable: true,
      data: { problem: 'missing-branch' },
    },
  )
}

/** The typed problem behind anything that a repository's method threw. */
export function describeProblem(error: unknown): SourceProblem {
  const message = messageOf(error)
  if (!(error instanceof BowlineError)) return { code: 'unreadable', message }
  if (error.data.problem === 'missing-branch') return { code: 'missing-branch', message }
  if (error.code === 'unauthorized') return { code: 'unauthorized', message }
  if (error.code === 'unavailable' || error.code === 'timeout') return { code: 'unreachable', message }
  if (error.code === 'unsupported' || error.code === 'bad-config') return { code: 'unsupported', message }
  return { code: 'unreadable', message }
}
