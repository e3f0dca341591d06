import { StatusError } from '../../../kube/index.ts'
import type { Attributes, Authorizer } from '../contract.ts'

/** Throws upstream's Forbidden unless the authorizer allows what is asked. */
export async function requireAllowed(authorizer: Authorizer, attributes: Attributes): Promise<void> {
  const { allowed, reason } = await authorizer.authorize(attributes)
  if (!allowed) throw forbiddenError(attributes, reason)
}

/** Upstream's words (apiserver `pkg/endpoints/handlers/responsewriters/errors.go`), which tools look for. */
export function forbiddenError(attributes: Attributes, reason: string): StatusError {
  const { user, verb, group, resource, subresource, namespace, name } = attributes
  const subject = `${group === '' ? resource : `${resource}.${group}`}${name === '' ? '' : ` ${JSON.stringify(name)}`}`
  const what = `${resource}${subresource === '' ? '' : `/${subresource}`}`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  const message = `${subject} is forbidden: User ${JSON.stringify(user.username)} cannot ${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`
  return new StatusError('Forbidden', reason === '' ? message : `${message}: ${reason}`, {
    ...(name === '' ? {} : { name }),
    group,
    kind: resource,
  })
}
