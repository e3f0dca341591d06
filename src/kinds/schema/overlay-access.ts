import { atomicList, atomicMap, kindOf, type Overlay } from './markers.ts'
import type { Schema } from './schema.ts'

const GROUPS = {
  authentication: 'authentication.k8s.io',
  authorization: 'authorization.k8s.io',
  rbac: 'rbac.authorization.k8s.io',
} as const

function access(group: keyof typeof GROUPS, kind: string): { readonly definition: Schema } {
  return { definition: kindOf(GROUPS[group], 'v1', kind) }
}

/** What a user's `extra` is: lists of texts by key. */
const extra: Schema = { additionalProperties: { type: 'array', items: { type: 'string' }, ...atomicList } }

/** Who may do what: roles and their bindings, and the questions that are asked about users and tokens. */
export const accessOverlay: Overlay = {
  ClusterRole: { ...access('rbac', 'ClusterRole'), fields: { rules: atomicList } },
  ClusterRoleBinding: { ...access('rbac', 'ClusterRoleBinding'), fields: { subjects: atomicList } },
  Role: { ...access('rbac', 'Role'), fields: { rules: atomicList } },
  RoleBinding: { ...access('rbac', 'RoleBinding'), fields: { subjects: atomicList } },
  AggregationRule: { fields: { clusterRoleSelectors: atomicList } },
  PolicyRule: {
    fields: {
      apiGroups: atomicList,
      nonResourceURLs: atomicList,
      resourceNames: atomicList,
      resources: atomicList,
      verbs: atomicList,
    },
  },
  RoleRef: { definition: atomicMap },
  'rbac.v1.Subject': { definition: atomicMap },

  LocalSubjectAccessReview: access('authorization', 'LocalSubjectAccessReview'),
  SelfSubjectAccessReview: access('authorization', 'SelfSubjectAccessReview'),
  SelfSubjectRulesReview: access('authorization', 'SelfSubjectRulesReview'),
  SubjectAccessReview: access('authorization', 'SubjectAccessReview'),
  SubjectAccessReviewSpec: { fields: { extra, groups: atomicList } },
  SubjectRulesReviewStatus: { fields: { nonResourceRules: atomicList, resourceRules: atomicList } },
  NonResourceRule: { fields: { nonResourceURLs: atomicList, verbs: atomicList } },
  ResourceRule: {
    fields: { apiGroups: atomicList, resourceNames: atomicList, resources: atomicList, verbs: atomicList },
  },
  FieldSelectorAttributes: { fields: { requirements: atomicList } },
  FieldSelectorRequirement: { fields: { values: atomicList } },
  LabelSelectorAttributes: { fields: { requirements: atomicList } },

  SelfSubjectReview: access('authentication', 'SelfSubjectReview'),
  'authentication.v1.TokenRequest': access('authentication', 'TokenRequest'),
  TokenRequestSpec: { fields: { audiences: atomicList, expirationSeconds: { default: 3600 } } },
  TokenReview: access('authentication', 'TokenReview'),
  TokenReviewSpec: { fields: { audiences: atomicList } },
  TokenReviewStatus: { fields: { audiences: atomicList } },
  UserInfo: { fields: { extra, groups: atomicList } },
}
