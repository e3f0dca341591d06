import type { Action } from '../diff/index.ts'
import type { ObjectRef } from '../kube/index.ts'

/** How one change ended. */
export type OutcomeWord = 'created' | 'configured' | 'deleted' | 'unchanged' | 'skipped' | 'failed'

export interface Outcome {
  readonly ref: ObjectRef
  readonly action: Action
  readonly outcome: OutcomeWord
  /** For `failed` and `skipped`: why. Never holds a Secret's value. */
  readonly message?: string
  /** RFC 3339. */
  readonly at: string
  /** For `failed`: the same write may succeed later without a new commit. */
  readonly retryable?: boolean
  /** For `created` and `configured`: the version that the write made. */
  readonly resourceVersion?: string
}
