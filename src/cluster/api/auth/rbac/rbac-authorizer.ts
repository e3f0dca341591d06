import { type Action, Kinds, resourceName, ruleAllows } from '../../../../kube/index.ts'
import type { Attributes, Authorizer } from '../../contract.ts'
import { refused } from '../authorizers.ts'
import type { RoleIndex } from './role-index.ts'

/**
 * Allows what a role that the user is bound to allows. A refusal says when a binding names a role that does not exist, and nothing
 * else: what others may do is nobody's business.
 */
export function rbacAuthorizer(index: Pick<RoleIndex, 'grantsOf'>): Authorizer {
  return {
    authorize(attributes) {
      const action = actionOf(attributes)
      const missing: string[] = []
      for (const { rules, roleRef, description } of index.grantsOf(attributes.user, attributes.namespace)) {
        if (rules === undefined) missing.push(notFound(roleRef))
        else if (rules.some(rule => ruleAllows(rule, action)))
          return { allowed: true, reason: `RBAC: allowed by ${description}` }
      }
      return refused(missing.length === 0 ? '' : `RBAC: ${describeMissing(missing)}`)
    },
  }
}

function actionOf({ verb, path, group, resource, subresource, name }: Attributes): Action {
  return path === undefined ? { verb, group, resource, subresource, name } : { verb, path }
}

function notFound({ kind, name }: { readonly kind: string; readonly name: string }): string {
  const resource = resourceName(kind === Kinds.Role.kind ? Kinds.Role : Kinds.ClusterRole)
  return `${resource} "${name}" not found`
}

function describeMissing(missing: readonly string[]): string {
  const texts = [...new Set(missing)]
  return texts.length === 1 ? (texts[0] as string) : `[${texts.join(', ')}]`
}
