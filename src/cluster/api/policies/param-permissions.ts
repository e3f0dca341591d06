import { deepEqual } from '../../../base/index.ts'
import {
  apiVersionOf,
  type Kind,
  Kinds,
  type ParamKind,
  registryKey,
  type ValidatingAdmissionPolicy,
  type ValidatingAdmissionPolicyBinding,
} from '../../../kube/index.ts'
import { isUnlimited } from '../auth/identity.ts'
import type { World } from '../cache/world.ts'
import type { Admission, Authorizer, Identity } from '../contract.ts'
import { forbidden } from '../refusals.ts'
import type { ServedKinds } from '../served-kinds.ts'

/**
 * What a policy says may hold what its parameters hold: nobody names as parameters what they may not read themselves (upstream
 * `authz.go` of both kinds in `pkg/registry/admissionregistration`).
 */
export function paramPermissions(parts: {
  readonly world: Pick<World, 'cacheOf'>
  readonly kinds: Pick<ServedKinds, 'all'>
  readonly authorizer: Authorizer
}): Admission {
  const mayRead = (user: Identity, paramKind: ParamKind | undefined, namespace: string, name: string) =>
    parts.authorizer.authorize({
      user,
      verb: 'get',
      ...resourceOf(paramKind, parts.kinds.all),
      subresource: '',
      namespace,
      name,
      fieldSelector: '',
    }).allowed
  return {
    admit({ verb, kind, subresource, user, name, object, old }) {
      const isPolicy = isOf(kind, Kinds.ValidatingAdmissionPolicy)
      const concerns = (isPolicy || isOf(kind, Kinds.ValidatingAdmissionPolicyBinding)) && subresource === ''
      if (!concerns || verb === 'delete' || object === undefined || isUnlimited(user)) return object
      if (isPolicy) {
        const { paramKind } = (object as ValidatingAdmissionPolicy).spec ?? {}
        const before = (old as ValidatingAdmissionPolicy | undefined)?.spec?.paramKind
        if (paramKind === undefined || deepEqual(paramKind, before)) return object
        if (!mayRead(user, paramKind, '', ''))
          throw forbidden(
            kind,
            name,
            `user ${user.username} must have "get" permission on all objects of the referenced paramKind (kind=${paramKind.kind}, apiVersion=${paramKind.apiVersion})`,
          )
        return object
      }
      const { policyName = '', paramRef } = (object as ValidatingAdmissionPolicyBinding).spec ?? {}
      const before = (old as ValidatingAdmissionPolicyBinding | undefined)?.spec
      const isSame = deepEqual(paramRef, before?.paramRef) && policyName === before?.policyName
      if (paramRef === undefined || isSame) return object
      const key = registryKey(Kinds.ValidatingAdmissionPolicy, undefined, policyName)
      const policy = parts.world.cacheOf(Kinds.ValidatingAdmissionPolicy).get(key)?.object
      const { paramKind } = (policy as ValidatingAdmissionPolicy | undefined)?.spec ?? {}
      if (!mayRead(user, paramKind, paramRef.namespace ?? '', paramRef.name ?? ''))
        throw forbidden(
          kind,
          name,
          `user ${user.username} does not have "get" permission on the object referenced by paramRef`,
        )
      return object
    },
  }
}

/** What is to be read; everything where the policy or its kind is not there yet. */
function resourceOf(
  paramKind: ParamKind | undefined,
  kinds: readonly Kind[],
): { readonly group: string; readonly resource: string } {
  if (paramKind === undefined) return { group: '*', resource: '*' }
  const { apiVersion = '' } = paramKind
  const found = kinds.find(kind => apiVersionOf(kind) === apiVersion && kind.kind === paramKind.kind)
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : ''
  return { group, resource: found?.plural ?? '*' }
}

function isOf(kind: Kind, other: Kind): boolean {
  return kind.group === other.group && kind.plural === other.plural
}
