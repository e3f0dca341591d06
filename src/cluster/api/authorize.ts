import { type Kind, Kinds, parseFieldSelector, StatusError, type Verb } from '../../kube/index.ts'
import type { Attributes, Identity, RequestContext } from './contract.ts'
import { forbiddenByAuthorizer, methodNotAllowed } from './refusals.ts'
import type { VerbServices } from './services.ts'

/** What is asked of one kind. */
export interface Question {
  readonly verb: Verb
  readonly namespace: string
  /** Of one object, where the path of the request says it: the body of a creation is not asked. */
  readonly name?: string
  readonly subresource?: string
  readonly fieldSelector?: string
}

/** What an authorizer is asked. Of a Namespace itself, as of what is in it, those may who are bound there. */
export function attributesOf(user: Identity, kind: Kind, question: Question): Attributes {
  return {
    user,
    verb: question.verb,
    group: kind.group,
    resource: kind.plural,
    subresource: question.subresource ?? '',
    namespace: isNamespace(kind) ? (question.name ?? '') : question.namespace,
    name: question.name || selectedName(question),
    fieldSelector: question.fieldSelector ?? '',
  }
}

/** A list or a watch of one object is of its name, as upstream (apiserver `request/requestinfo.go`); a deletion of several is not. */
function selectedName({ verb, fieldSelector = '' }: Question): string {
  if (fieldSelector === '' || (verb !== 'list' && verb !== 'watch')) return ''
  try {
    const found = parseFieldSelector(fieldSelector).find(
      ({ field, operator }) => field === 'metadata.name' && operator === '=',
    )
    return found?.value ?? ''
  } catch (error) {
    // What cannot be read is told to who may list.
    if (error instanceof StatusError) return ''
    throw error
  }
}

/** Refuses what the identity may not do (403), then what the kind does not offer (405); answers with the attributes. */
export function authorize(
  services: VerbServices,
  context: RequestContext,
  kind: Kind,
  question: Question,
): Attributes {
  const attributes = attributesOf(context.user, kind, question)
  const { allowed, reason } = services.authorizer.authorize(attributes)
  if (!allowed) throw forbiddenByAuthorizer(attributes, reason)
  const offered =
    attributes.subresource === ''
      ? kind.verbs.includes(question.verb)
      : kind.subresources.includes(attributes.subresource)
  if (!offered) throw methodNotAllowed()
  return isNamespace(kind) ? { ...attributes, namespace: question.namespace } : attributes
}

function isNamespace({ group, kind }: Kind): boolean {
  return group === '' && kind === Kinds.Namespace.kind
}
