import { requireAllowed } from '../auth/require-allowed.ts'
import type { Attributes, Authorizer, RequestContext } from '../contract.ts'
import { type Answer, jsonAnswer } from './answer.ts'
import type { ApiPath } from './api-path.ts'
import { parseObjectBody, readBody } from './body.ts'
import type { Exchange } from './exchange.ts'

/**
 * A route beside the kinds, given by the wiring: `GET /apis/bowline.dev/v1alpha1/apps/<name>/plan` is resource `apps`,
 * subresource `plan`. Authorized like any resource before it is handled: GET is `get` (`list` without a name), POST `create`,
 * DELETE `delete`.
 */
export interface Extension {
  readonly group: string
  readonly version: string
  readonly resource: string
  /** Whether its objects belong to namespaces. It answers at no other place: a role of a namespace would count for what belongs to none. */
  readonly namespaced: boolean
  /** Absent: the resource itself, its collection and its objects. */
  readonly subresource?: string
  readonly method: 'DELETE' | 'GET' | 'POST'
  /** True when an answer may last for hours: it has no time limit then. Default false. */
  readonly streams?: boolean
  handle(request: ExtensionRequest): Promise<ExtensionAnswer>
}

export interface ExtensionRequest {
  readonly context: RequestContext
  readonly namespace: string
  /** `` for the collection. */
  readonly name: string
  readonly query: URLSearchParams
  /** The JSON object that a POST brought; undefined when it brought none. */
  readonly body: unknown
}

export type ExtensionAnswer =
  | { readonly code?: number; readonly json: unknown }
  | { readonly code?: number; readonly contentType: string; readonly stream: AsyncIterable<Uint8Array> }

const VERBS: Readonly<Record<Extension['method'], Attributes['verb']>> = {
  DELETE: 'delete',
  GET: 'get',
  POST: 'create',
}

/** The extension behind a path and a method. */
export function findExtension(
  extensions: readonly Extension[],
  path: ApiPath,
  method: string,
): Extension | undefined {
  return extensions.find(
    extension =>
      extension.group === path.group &&
      extension.version === path.version &&
      extension.resource === path.resource &&
      (extension.subresource ?? '') === path.subresource &&
      isAtHome(extension, path) &&
      extension.method === method,
  )
}

/** The collection of all namespaces has none in its path. */
function isAtHome({ namespaced }: Extension, { namespace, name }: ApiPath): boolean {
  return namespaced ? namespace !== '' || name === '' : namespace === ''
}

export async function answerExtension(
  extension: Extension,
  path: ApiPath,
  { request, query, context }: Exchange,
  authorizer: Authorizer,
): Promise<Answer> {
  const { group, resource, subresource, namespace, name } = path
  const verb = extension.method === 'GET' && name === '' ? 'list' : VERBS[extension.method]
  requireAllowed(authorizer, {
    user: context.user,
    verb,
    group,
    resource,
    subresource,
    namespace,
    name,
    fieldSelector: '',
  })
  const bytes = extension.method === 'POST' ? await readBody(request) : Buffer.alloc(0)
  const body = bytes.length === 0 ? undefined : parseObjectBody(request.headers['content-type'], bytes).value
  const answer = await extension.handle({ context, namespace, name, query, body })
  if ('json' in answer) return jsonAnswer(answer.code ?? 200, answer.json)
  return { type: 'stream', code: answer.code ?? 200, contentType: answer.contentType, body: answer.stream }
}
