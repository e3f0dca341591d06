import { deepEqual } from '../../base/index.ts'
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../../kube/generated/types.ts'
import { dnsSubdomainProblems, pathSegmentProblems, RBAC_GROUP } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { validateLabelSelector } from './labels.ts'
import type { Problems } from './problems.ts'

/** kubernetes `ValidateRole`: rules of a namespace concern its resources only. */
export function validateRole({ rules = [] }: Draft<Role>, problems: Problems): void {
  validateRules(rules, true, problems)
}

/** kubernetes `ValidateClusterRole`. */
export function validateClusterRole(
  { rules = [], aggregationRule }: Draft<ClusterRole>,
  problems: Problems,
): void {
  validateRules(rules, false, problems)
  if (aggregationRule === undefined) return
  const { clusterRoleSelectors: selectors = [] } = aggregationRule
  const path = 'aggregationRule.clusterRoleSelectors'
  if (selectors.length === 0)
    problems.required(path, 'at least one clusterRoleSelector required if aggregationRule is non-nil')
  selectors.forEach((selector, index) => {
    validateLabelSelector(selector, `${path}[${index}]`, problems)
  })
}

/** kubernetes `ValidateRoleBinding` and its update: what a binding binds to never changes. */
export function validateRoleBinding(
  { roleRef, subjects = [] }: Draft<RoleBinding>,
  problems: Problems,
  old: RoleBinding | undefined,
): void {
  validateRoleRef(roleRef, ['ClusterRole', 'Role'], problems, old?.roleRef)
  validateSubjects(subjects, true, problems)
}

/** kubernetes `ValidateClusterRoleBinding` and its update. */
export function validateClusterRoleBinding(
  { roleRef, subjects = [] }: Draft<ClusterRoleBinding>,
  problems: Problems,
  old: ClusterRoleBinding | undefined,
): void {
  validateRoleRef(roleRef, ['ClusterRole'], problems, old?.roleRef)
  validateSubjects(subjects, false, problems)
}

function validateRules(rules: readonly Draft<PolicyRule>[], isNamespaced: boolean, problems: Problems): void {
  rules.forEach((rule, index) => {
    const at = `rules[${index}]`
    const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
    if (verbs.length === 0) problems.required(`${at}.verbs`, 'verbs must contain at least one value')
    if (nonResourceURLs.length > 0) {
      const path = `${at}.nonResourceURLs`
      if (isNamespaced)
        problems.invalid(path, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs')
      if (apiGroups.length + resources.length + resourceNames.length > 0)
        problems.invalid(
          path,
          nonResourceURLs,
          'rules cannot apply to both regular resources and non-resource URLs',
        )
      return
    }
    if (apiGroups.length === 0)
      problems.required(`${at}.apiGroups`, 'resource rules must supply at least one api group')
    if (resources.length === 0)
      problems.required(`${at}.resources`, 'resource rules must supply at least one resource')
  })
}

function validateRoleRef(
  reference: Draft<RoleRef> | undefined,
  kinds: readonly string[],
  problems: Problems,
  old: RoleRef | undefined,
): void {
  if (reference === undefined) return
  const { apiGroup = '', kind = '', name = '' } = reference
  if (apiGroup !== RBAC_GROUP) problems.notSupported('roleRef.apiGroup', apiGroup, [RBAC_GROUP])
  if (!kinds.includes(kind)) problems.notSupported('roleRef.kind', kind, kinds)
  if (name === '') problems.required('roleRef.name')
  else problems.invalidEach('roleRef.name', name, pathSegmentProblems(name))
  if (old !== undefined && !deepEqual(reference, old))
    problems.invalid('roleRef', reference, 'cannot change roleRef')
}

const SUBJECT_KINDS = ['ServiceAccount', 'User', 'Group'] as const

function validateSubjects(
  subjects: readonly Draft<Subject>[],
  isNamespaced: boolean,
  problems: Problems,
): void {
  subjects.forEach(({ kind = '', apiGroup = '', name = '', namespace = '' }, index) => {
    const at = `subjects[${index}]`
    if (name === '') problems.required(`${at}.name`)
    switch (kind) {
      case 'ServiceAccount':
        if (name !== '') problems.invalidEach(`${at}.name`, name, dnsSubdomainProblems(name))
        if (apiGroup !== '') problems.notSupported(`${at}.apiGroup`, apiGroup, [''])
        if (!isNamespaced && namespace === '') problems.required(`${at}.namespace`)
        break
      case 'Group':
      case 'User':
        if (apiGroup !== RBAC_GROUP) problems.notSupported(`${at}.apiGroup`, apiGroup, [RBAC_GROUP])
        break
      default:
        problems.notSupported(`${at}.kind`, kind, SUBJECT_KINDS)
    }
  })
}
