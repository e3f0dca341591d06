import type { RecordCommit } from '../../audit/index.ts'
import type { Action, Hold } from '../../diff/index.ts'
import type { AppStatus, Diagnostic } from '../../kube/index.ts'

/** What the lane of an app says of it. */
export interface LaneReport {
  /** The commit that it looked at last. */
  readonly commit: RecordCommit
  readonly diagnostics: readonly Diagnostic[]
  readonly phase: NonNullable<AppStatus['phase']>
  readonly message: string
  /** Whether everything that the commit declares was written. */
  readonly isSynced: boolean
  /** The last commit of which that is true; absent when it was before the start, or never. */
  readonly appliedRevision?: string
  /** What the plan of the commit came to. */
  readonly counts?: Readonly<Record<Action, number>>
  readonly hold?: Hold
  /** The newest record since the start. */
  readonly record?: string
}
