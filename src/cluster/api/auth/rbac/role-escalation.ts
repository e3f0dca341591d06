import { deepEqual } from '../../../../base/index.ts'
import {
  type ClusterRole,
  type ClusterRoleBinding,
  combinationsIn,
  describeRule,
  Kinds,
  type KubeObject,
  missingRules,
  type PolicyRule,
  RBAC_GROUP,
  type Role,
  type RoleBinding,
  type RoleRef,
  uncoveredRules,
} from '../../../../kube/index.ts'
import type { Admission, AdmissionRequest, Authorizer } from '../../contract.ts'
import { forbidden, notFound } from '../../refusals.ts'
import { isUnlimited } from '../identity.ts'
import type { RoleIndex } from './role-index.ts'

/** What a cluster administrator holds. An aggregated role gathers whatever there is, so who makes one must hold all of it. */
const EVERYTHING: readonly PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
]

/** Upstream has no such limit: a role of a few kilobytes keeps it busy for as long as its author likes. */
const MAX_COMBINATIONS = 20_000

/**
 * Upstream's escalation prevention (pkg/registry/rbac `policybased`): nobody writes a role with permissions, or binds a role, that
 * they do not hold themselves where it counts, unless they may `escalate` roles or `bind` that role.
 */
export function roleEscalation(
  authorizer: Authorizer,
  index: Pick<RoleIndex, 'rulesFor' | 'rulesOf'>,
): Admission {
  return {
    admit(request) {
      const { kind, verb, user, object, old } = request
      const concerns = kind.group === RBAC_GROUP && verb !== 'delete' && object !== undefined
      if (!concerns || isUnlimited(user)) return object
      if (old !== undefined && changesOnlyOwnership(object, old)) return object
      const judge = { authorizer, index }
      if (kind.kind === Kinds.Role.kind || kind.kind === Kinds.ClusterRole.kind) judgeRole(judge, request)
      else judgeBinding(judge, request)
      return object
    },
  }
}

interface Judge {
  readonly authorizer: Authorizer
  readonly index: Pick<RoleIndex, 'rulesFor' | 'rulesOf'>
}

function judgeRole({ authorizer, index }: Judge, request: AdmissionRequest): void {
  const { kind, user, namespace, name } = request
  const mayEscalate = authorizer.authorize({
    user,
    verb: 'escalate',
    group: kind.group,
    resource: kind.plural,
    subresource: '',
    namespace,
    name,
    fieldSelector: '',
  }).allowed
  if (mayEscalate) return
  const held = index.rulesFor(user, namespace)
  const { rules = [] } = request.object as unknown as ClusterRole | Role
  refuseMissing(request, held, rules)
  const aggregates = [request.object, request.old].some(
    role => (role as Partial<ClusterRole> | undefined)?.aggregationRule !== undefined,
  )
  if (aggregates && missingRules(held, EVERYTHING).length > 0)
    throw forbidden(kind, name, 'must have cluster-admin privileges to use an aggregationRule')
}

function judgeBinding({ authorizer, index }: Judge, request: AdmissionRequest): void {
  const { user, namespace } = request
  const { roleRef } = request.object as unknown as ClusterRoleBinding | RoleBinding
  const role = kindOfRole(roleRef)
  // Validation has the words for it.
  if (role === undefined || !roleRef.name) return
  const mayBind = authorizer.authorize({
    user,
    verb: 'bind',
    group: role.group,
    resource: role.plural,
    subresource: '',
    // Where the binding is made: a ClusterRole may be given to bind in one namespace only.
    namespace,
    name: roleRef.name,
    fieldSelector: '',
  }).allowed
  if (mayBind) return
  const rules = index.rulesOf(roleRef, namespace)
  if (rules === undefined) throw notFound(role, roleRef.name)
  refuseMissing(request, index.rulesFor(user, namespace), rules)
}

function kindOfRole(roleRef: RoleRef | undefined) {
  return [Kinds.ClusterRole, Kinds.Role].find(({ kind }) => kind === roleRef?.kind)
}

function refuseMissing(
  { kind, name, user }: AdmissionRequest,
  held: readonly PolicyRule[],
  wanted: readonly PolicyRule[],
): void {
  const uncovered = uncoveredRules(held, wanted)
  if (combinationsIn(uncovered) > MAX_COMBINATIONS)
    throw forbidden(
      kind,
      name,
      `its rules name more than ${MAX_COMBINATIONS} combinations of verb, group, resource and name, too many to compare with what user "${user.username}" holds: use several roles, or wildcards`,
    )
  const missing = missingRules(held, uncovered)
  if (missing.length === 0) return
  const groups = user.groups.map(group => JSON.stringify(group)).join(' ')
  const lines = missing.map(describeRule).sort().join('\n')
  throw forbidden(
    kind,
    name,
    `user "${user.username}" (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${lines}`,
  )
}

/** The garbage collector must be able to end what it could not make. */
function changesOnlyOwnership(next: KubeObject, old: KubeObject): boolean {
  return deepEqual(withoutOwnership(next), withoutOwnership(old))
}

function withoutOwnership(object: KubeObject): unknown {
  const {
    finalizers: _f,
    ownerReferences: _o,
    managedFields: _m,
    resourceVersion: _r,
    ...metadata
  } = object.metadata
  return { ...object, metadata }
}
