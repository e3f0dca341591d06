import type { Clock, Logger } from '../../../base/index.ts'
import type { Admission, Authorizer, Verbs } from '../contract.ts'
import { accessReviews } from '../reviews/access-reviews.ts'
import { authenticationReviews } from '../reviews/authentication-reviews.ts'
import type { Reviewers } from '../reviews/reviewer.ts'
import type { Authenticator } from './authenticator.ts'
import { chainAuthorizers, mastersAuthorizer, systemAuthorizer } from './authorizers.ts'
import { bootstrapAuthorizer } from './bootstrap-authorizer.ts'
import { certificatePermissions } from './certificate-permissions.ts'
import { claimMoveState } from './claim-move-state.ts'
import { nodeAuthorizer } from './node-authorizer.ts'
import { NodeGraph } from './node-graph.ts'
import { nodeRestriction } from './node-restriction.ts'
import { rbacAuthorizer } from './rbac/rbac-authorizer.ts'
import { roleEscalation } from './rbac/role-escalation.ts'
import { RoleIndex } from './rbac/role-index.ts'
import { requesterStamp } from './requester-stamp.ts'

/** Who may do what: the authorizer that everything asks, and the admissions that judge what a write says of itself. */
export interface Access {
  readonly authorizer: Authorizer
  readonly admissions: readonly Admission[]
  readonly roles: RoleIndex
  /** Answers questions about users, tokens and what they may. */
  reviewers(authenticator: Pick<Authenticator, 'reviewToken'>): Reviewers
  /** Follows what the authorizer judges by until the signal aborts. `onSynced` is called once, when all of it is known. */
  follow(verbs: Verbs, signal: AbortSignal, onSynced: () => void): Promise<void>
}

/** Administrators and the server's parts may do everything; then agents by the Node authorizer, and everyone by their roles. */
export function createAccess({ clock, log }: { readonly clock: Clock; readonly log: Logger }): Access {
  const graph = new NodeGraph({ clock, log })
  const roles = new RoleIndex({ clock, log })
  const authorizer = chainAuthorizers(
    mastersAuthorizer,
    systemAuthorizer,
    nodeAuthorizer(graph),
    bootstrapAuthorizer(graph),
    rbacAuthorizer(roles),
  )
  return {
    authorizer,
    roles,
    admissions: [
      nodeRestriction(graph),
      requesterStamp,
      certificatePermissions(authorizer),
      claimMoveState,
      roleEscalation(authorizer, roles),
    ],
    reviewers: authenticator =>
      new Map([...accessReviews({ authorizer, roles }), ...authenticationReviews(authenticator, clock)]),
    async follow(verbs, signal, onSynced) {
      let missing = 2
      const synced = (): void => {
        missing -= 1
        if (missing === 0) onSynced()
      }
      await Promise.all([graph.follow(verbs, signal, synced), roles.follow(verbs, signal, synced)])
    },
  }
}
