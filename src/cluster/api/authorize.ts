import type { Kind, Verb } from '../../kube/index.ts'
import type { Attributes, RequestContext } from './contract.ts'
import { forbiddenByAuthorizer, methodNotAllowed } from './refusals.ts'
import type { VerbServices } from './services.ts'

/** What is asked of one kind. */
export interface Question {
  readonly verb: Verb
  readonly namespace: string
  readonly name?: string
  readonly subresource?: string
  readonly fieldSelector?: string
}

/** Refuses what the identity may not do (403), then what the kind does not offer (405); answers with the attributes. */
export function authorize(
  services: VerbServices,
  context: RequestContext,
  kind: Kind,
  question: Question,
): Attributes {
  const attributes: Attributes = {
    user: context.user,
    verb: question.verb,
    group: kind.group,
    resource: kind.plural,
    subresource: question.subresource ?? '',
    namespace: question.namespace,
    name: question.name ?? '',
    fieldSelector: question.fieldSelector ?? '',
  }
  const { allowed, reason } = services.authorizer.authorize(attributes)
  if (!allowed) throw forbiddenByAuthorizer(attributes, reason)
  const offered =
    attributes.subresource === ''
      ? kind.verbs.includes(question.verb)
      : kind.subresources.includes(attributes.subresource)
  if (!offered) throw methodNotAllowed()
  return attributes
}
