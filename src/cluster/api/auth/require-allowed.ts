import type { Attributes, Authorizer } from '../contract.ts'
import { forbiddenByAuthorizer } from '../refusals.ts'

/** Throws upstream's Forbidden unless the authorizer allows what is asked. For routes that do not go through the verbs. */
export function requireAllowed(authorizer: Authorizer, attributes: Attributes): void {
  const { allowed, reason } = authorizer.authorize(attributes)
  if (!allowed) throw forbiddenByAuthorizer(attributes, reason)
}
