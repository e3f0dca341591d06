import type { Change, Hold } from '../diff/index.ts'
import type { Diagnostic } from '../kube/index.ts'

/** What a commit would change, for `bowline plan`. Plain data; Secret values are masked. */
export interface PlanPreview {
  readonly commit: { readonly id: string; readonly subject: string; readonly author: string }
  /** Mistakes that belong to no app, such as those of `bowline.yaml`. */
  readonly diagnostics: readonly Diagnostic[]
  readonly apps: readonly AppPreview[]
}

export interface AppPreview {
  readonly app: string
  readonly diagnostics: readonly Diagnostic[]
  readonly changes: readonly Change[]
  readonly hold?: Hold
}
