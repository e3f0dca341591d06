import type { Attributes, Authorizer } from '../contract.ts'
import { forbiddenByAuthorizer } from '../refusals.ts'

/** Throws upstream's Forbidden unless the authorizer allows what is asked. For routes that do not go through the verbs. */
export async function requireAllowed(authorizer: Authorizer, attributes: Attributes): Promise<void> {
  const { allowed, reason } = await authorizer.authorize(attributes)
  if (!allowed) throw forbiddenByAuthorizer(attributes, reason)
}
