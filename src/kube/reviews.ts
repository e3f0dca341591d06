import type {
  ComponentStatus,
  LocalSubjectAccessReview,
  SelfSubjectAccessReview,
  SelfSubjectReview,
  SelfSubjectRulesReview,
  SubjectAccessReview,
  TokenRequest,
  TokenReview,
} from './generated/types.ts'
import { defineHandle, type Kind } from './kind.ts'
import type { KubeObject } from './object.ts'

/** A question that is created, answered at once in the object's status, and never stored. */
function review<T extends KubeObject>(
  group: 'authentication' | 'authorization',
  kind: string,
  namespaced = false,
): Kind<T> {
  return defineHandle({ group: `${group}.k8s.io`, kind, namespaced, verbs: ['create'] })
}

/** The handles of the questions about users, tokens and what they may. */
export const Reviews: {
  readonly LocalSubjectAccessReview: Kind<LocalSubjectAccessReview>
  readonly SelfSubjectAccessReview: Kind<SelfSubjectAccessReview>
  readonly SelfSubjectReview: Kind<SelfSubjectReview>
  readonly SelfSubjectRulesReview: Kind<SelfSubjectRulesReview>
  readonly SubjectAccessReview: Kind<SubjectAccessReview>
  readonly TokenReview: Kind<TokenReview>
} = {
  LocalSubjectAccessReview: review('authorization', 'LocalSubjectAccessReview', true),
  SelfSubjectAccessReview: review('authorization', 'SelfSubjectAccessReview'),
  SelfSubjectReview: review('authentication', 'SelfSubjectReview'),
  SelfSubjectRulesReview: review('authorization', 'SelfSubjectRulesReview'),
  SubjectAccessReview: review('authorization', 'SubjectAccessReview'),
  TokenReview: review('authentication', 'TokenReview'),
}

/** How the parts of the control plane are: made when it is asked for, and never stored. */
export const componentStatusKind: Kind<ComponentStatus> = defineHandle({
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  shortNames: ['cs'],
  namespaced: false,
  verbs: ['get', 'list'],
})

/** Served and in discovery, but no kinds of objects: nothing stores, watches or declares them. */
export const reviewKinds: readonly Kind[] = [...Object.values<Kind>(Reviews), componentStatusKind]

/** What is posted at the subresource `token` of a ServiceAccount, and the answer to it. */
export const tokenRequestKind: Kind<TokenRequest> = review('authentication', 'TokenRequest', true)

/** The kinds whose objects only travel: {@link reviewKinds} and the bodies of subresources. */
export const passingKinds: readonly Kind[] = [...reviewKinds, tokenRequestKind]
