import type { RecordCommit, Trigger } from '../../audit/index.ts'
import type { LayeredMap } from '../../base/index.ts'
import type { SourcePosition } from '../../diff/index.ts'
import type { Diagnostic, Kind, KubeObject, ObjectRef } from '../../kube/index.ts'

/** An object as Git declares it, in its namespace. */
export interface DesiredObject {
  /** May be made only when it is asked for. */
  readonly object: KubeObject
  readonly ref: ObjectRef
  /** Undefined for an app's own namespace. */
  readonly kind?: Kind
  /** The id of the content that declares it; undefined for an app's own namespace, which no file declares. */
  readonly blob: string | undefined
  readonly source: SourcePosition
}

/** What one app should be by one commit. */
export interface AppTarget {
  readonly app: string
  readonly commit: RecordCommit
  readonly trigger: Trigger
  /** Commits that were passed over since the last one attempted, oldest first. */
  readonly skipped: readonly string[]
  /** The commit does not have the app at all any more. */
  readonly isGone: boolean
  /** By `refKey`. */
  readonly desired: LayeredMap<string, DesiredObject>
  /** Any makes the app held at this commit. */
  readonly diagnostics: readonly Diagnostic[]
  /** How many deletions the commit's trailer allows. */
  readonly allowDelete: number | 'all'
  /** Whether another app of the same revision declares this `refKey`: ownership moves there, nothing is deleted here. */
  readonly isClaimedElsewhere: (key: string) => boolean
}

/** Why a target is held by its own mistakes: the first one, and how many more there are. */
export function describeDiagnostics(diagnostics: readonly Diagnostic[]): string {
  const [first] = diagnostics
  if (first === undefined) return ''
  const more = diagnostics.length > 1 ? ` (and ${diagnostics.length - 1} more)` : ''
  return `${first.file}:${first.line}:${first.column}: ${first.message}${more}`
}
