import type { Authorizer, Decision } from '../contract.ts'
import { MASTERS_GROUP, SYSTEM_GROUP } from './identity.ts'

export const ALLOWED: Decision = { allowed: true, reason: '' }

/** A refusal that leaves it to the others; with a reason when this authorizer knows why. */
export function refused(reason = ''): Decision {
  return { allowed: false, reason }
}

/** `system:masters` may do everything. */
export const mastersAuthorizer: Authorizer = groupAuthorizer(MASTERS_GROUP)

/** The server's own parts may do everything; their group never comes over the network. */
export const systemAuthorizer: Authorizer = groupAuthorizer(SYSTEM_GROUP)

/** Asks each in turn: the first that allows decides. A refusal gathers the reasons of those that had one. */
export function chainAuthorizers(...authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes) {
      const reasons: string[] = []
      for (const authorizer of authorizers) {
        const decision = authorizer.authorize(attributes)
        if (decision.allowed) return decision
        if (decision.reason !== '') reasons.push(decision.reason)
      }
      return refused(reasons.join(', '))
    },
  }
}

function groupAuthorizer(group: string): Authorizer {
  return { authorize: ({ user }) => (user.groups.includes(group) ? ALLOWED : refused()) }
}
