import type { Problems } from '../../../kinds/index.ts'
import {
  type Kind,
  type KubeObject,
  type LocalSubjectAccessReview,
  type NonResourceAttributes,
  type PolicyRule,
  type ResourceAttributes,
  Reviews,
  type SelfSubjectAccessReview,
  type SelfSubjectRulesReview,
  type SubjectAccessReview,
  type SubjectAccessReviewSpec,
} from '../../../kube/index.ts'
import { joinTokenIdOf, nodeNameOf } from '../auth/identity.ts'
import type { RoleIndex } from '../auth/rbac/role-index.ts'
import type { Attributes, Authorizer, Identity } from '../contract.ts'
import { badRequest } from '../refusals.ts'
import { answered, type Reviewer, refuseProblems } from './reviewer.ts'

export interface AccessReviewParts {
  readonly authorizer: Authorizer
  readonly roles: Pick<RoleIndex, 'rulesFor'>
}

/** `authorization.k8s.io/v1`: may I, may they, and what all may I. */
export function accessReviews({
  authorizer,
  roles,
}: AccessReviewParts): readonly (readonly [Kind, Reviewer])[] {
  function judge(user: Identity, asked: Asked): object {
    const { allowed, reason } = authorizer.authorize(attributesOf(user, asked))
    return { allowed, ...(reason === '' ? {} : { reason }) }
  }
  return [
    [
      Reviews.SelfSubjectAccessReview,
      ({ context, object }) => {
        const { spec } = object as SelfSubjectAccessReview
        refuseProblems(Reviews.SelfSubjectAccessReview, problems => {
          checkMetadata(object, problems)
          checkAsked(spec, problems)
        })
        return answered(Reviews.SelfSubjectAccessReview, object, judge(context.user, spec))
      },
    ],
    [
      Reviews.SubjectAccessReview,
      ({ object }) => {
        const { spec } = object as SubjectAccessReview
        refuseProblems(Reviews.SubjectAccessReview, problems => {
          checkMetadata(object, problems)
          checkAsked(spec, problems)
          checkSubject(spec, problems)
        })
        return answered(Reviews.SubjectAccessReview, object, judge(subjectOf(spec), spec))
      },
    ],
    [
      Reviews.LocalSubjectAccessReview,
      ({ namespace, object }) => {
        const { spec } = object as LocalSubjectAccessReview
        const asked = spec?.resourceAttributes?.namespace ?? ''
        refuseProblems(Reviews.LocalSubjectAccessReview, problems => {
          checkAsked(spec, problems)
          checkSubject(spec, problems)
          if (spec?.resourceAttributes !== undefined && asked !== namespace)
            problems.invalid('spec.resourceAttributes.namespace', asked, 'must match metadata.namespace')
          if (spec?.nonResourceAttributes !== undefined)
            problems.invalid(
              'spec.nonResourceAttributes',
              spec.nonResourceAttributes,
              'disallowed on this kind of request',
            )
        })
        return answered(Reviews.LocalSubjectAccessReview, object, judge(subjectOf(spec), spec), namespace)
      },
    ],
    [
      Reviews.SelfSubjectRulesReview,
      ({ context, object }) => {
        const namespace = (object as SelfSubjectRulesReview).spec?.namespace ?? ''
        if (namespace === '') throw badRequest('no namespace on request')
        return answered(
          Reviews.SelfSubjectRulesReview,
          object,
          rulesStatus(context.user, roles.rulesFor(context.user, namespace)),
        )
      },
    ],
  ]
}

/** What agents and joining hosts may do is decided by other rules than those of roles. */
function rulesStatus(user: Identity, rules: readonly PolicyRule[]): object {
  const isComplete = nodeNameOf(user) === undefined && joinTokenIdOf(user) === undefined
  return {
    resourceRules: rules
      .filter(({ resources = [] }) => resources.length > 0)
      .map(({ verbs, apiGroups, resources, resourceNames }) => ({
        verbs,
        apiGroups,
        resources,
        ...(resourceNames === undefined ? {} : { resourceNames }),
      })),
    nonResourceRules: rules
      .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
      .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
    incomplete: !isComplete,
    ...(isComplete ? {} : { evaluationError: 'node authorizer does not support user rule resolution' }),
  }
}

interface Asked {
  readonly resourceAttributes?: ResourceAttributes
  readonly nonResourceAttributes?: NonResourceAttributes
}

function attributesOf(user: Identity, { resourceAttributes, nonResourceAttributes }: Asked): Attributes {
  const nothing = { group: '', resource: '', subresource: '', namespace: '', name: '', fieldSelector: '' }
  if (nonResourceAttributes !== undefined) {
    const { verb = '', path = '' } = nonResourceAttributes
    return { ...nothing, user, verb, path }
  }
  const {
    verb = '',
    group = '',
    resource = '',
    subresource = '',
    namespace = '',
    name = '',
  } = resourceAttributes ?? {}
  return {
    user,
    verb,
    group,
    resource,
    subresource,
    namespace,
    name,
    fieldSelector: selectorOf(resourceAttributes),
  }
}

/** What of a field selector decides something: requirements that one field has one value, in which no character means another. */
function selectorOf(attributes: ResourceAttributes | undefined): string {
  const { rawSelector = '', requirements = [] } = attributes?.fieldSelector ?? {}
  if (requirements.length === 0) return rawSelector
  return requirements
    .filter(
      ({ key, operator, values = [] }) => operator === 'In' && values.length === 1 && !/[\\,=]/.test(key),
    )
    .map(({ key, values = [] }) => `${key}=${values[0]?.replace(/[\\,=]/g, '\\$&')}`)
    .join(',')
}

function subjectOf(spec: SubjectAccessReviewSpec): Identity {
  const { user = '', groups = [], uid, extra } = spec
  return {
    username: user,
    groups,
    ...(uid === undefined ? {} : { uid }),
    ...(extra === undefined ? {} : { extra }),
  }
}

/** kubernetes `ValidateSelfSubjectAccessReview`: one thing is asked, and the question is nobody's object. */
function checkAsked(asked: Asked | undefined, problems: Problems): void {
  const { resourceAttributes, nonResourceAttributes } = asked ?? {}
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined)
    problems.invalid(
      'spec.nonResourceAttributes',
      nonResourceAttributes,
      'cannot be specified in combination with resourceAttributes',
    )
  if (resourceAttributes === undefined && nonResourceAttributes === undefined)
    problems.invalid(
      'spec.resourceAttributes',
      resourceAttributes,
      'exactly one of nonResourceAttributes or resourceAttributes must be specified',
    )
}

function checkSubject(spec: SubjectAccessReviewSpec | undefined, problems: Problems): void {
  const { user = '', groups = [] } = spec ?? {}
  if (user === '' && groups.length === 0)
    problems.invalid('spec.user', user, 'at least one of user or group must be specified')
}

function checkMetadata({ metadata }: KubeObject, problems: Problems): void {
  const { managedFields: _, creationTimestamp: _created, ...said } = metadata
  if (Object.keys(said).length > 0) problems.invalid('metadata', said, 'must be empty')
}
