import {
  type BoundObjectReference,
  isNotFound,
  type Kind,
  Kinds,
  type KubeObject,
  type Pod,
  StatusError,
  type TokenRequest,
  tokenRequestKind,
} from '../../../kube/index.ts'
import type { Bound, TokenOrder } from '../auth/service-accounts/account-tokens.ts'
import { authorize } from '../authorize.ts'
import type { MutationOptions, RequestContext } from '../contract.ts'
import { writeOptions } from '../policies/policy-request.ts'
import { readNewest } from '../read-newest.ts'
import { badRequest, methodNotAllowed } from '../refusals.ts'
import { answered, refuseProblems } from '../reviews/reviewer.ts'
import type { VerbServices } from '../services.ts'
import { admit } from '../write/admit.ts'
import { readBody } from '../write/read-body.ts'

const MIN_SECONDS = 600
const MAX_SECONDS = 2 ** 32
const DEFAULT_SECONDS = 3600

/** `POST …/serviceaccounts/<name>/token`: a token of that ServiceAccount, bound to what the request names. */
export async function requestToken(
  services: VerbServices,
  context: RequestContext,
  request: { readonly namespace: string; readonly name: string; readonly body: unknown },
  options: MutationOptions,
): Promise<KubeObject> {
  const { namespace, name } = request
  const { issueToken } = services
  if (issueToken === undefined) throw methodNotAllowed()
  const attributes = { verb: 'create', namespace, name, subresource: 'token' } as const
  authorize(services, context, Kinds.ServiceAccount, attributes)
  const body = readBody(
    tokenRequestKind,
    request.body,
    options.fieldValidation,
    context.warnings,
  ) as TokenRequest
  const named = body.metadata.name
  if (named && named !== name)
    throw badRequest(`the name of the object (${named}) does not match the name on the URL (${name})`)
  const account = await readNewest(services, Kinds.ServiceAccount, { namespace, name, caller: context })
  const { expirationSeconds: seconds = DEFAULT_SECONDS, audiences = [], boundObjectRef } = body.spec ?? {}
  refuseProblems(tokenRequestKind, problems => {
    const path = 'spec.expirationSeconds'
    if (seconds < MIN_SECONDS)
      problems.invalid(path, seconds, 'may not specify a duration less than 10 minutes')
    if (seconds > MAX_SECONDS)
      problems.invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds')
  })
  const place = { kind: Kinds.ServiceAccount, user: context.user, old: undefined, ...attributes }
  admit(services, { ...place, object: body as KubeObject })
  services.policies.check(context, () => ({
    user: context.user,
    operation: 'CREATE',
    kind: Kinds.ServiceAccount,
    subresource: 'token',
    namespace,
    name,
    body: { group: tokenRequestKind.group, version: tokenRequestKind.version, kind: tokenRequestKind.kind },
    object: body as KubeObject,
    old: undefined,
    dryRun: options.dryRun,
    options: writeOptions('CreateOptions', { manager: undefined, dryRun: options.dryRun }),
  }))
  const bound =
    boundObjectRef === undefined ? {} : await findBound(services, context, request, boundObjectRef)
  const order: TokenOrder = { namespace, account: boundTo(account.object), audiences, seconds, ...bound }
  const status = issueToken(order)
  const answer = answered(tokenRequestKind, body as KubeObject, status)
  return { ...answer, metadata: { name, namespace } }
}

async function findBound(
  services: VerbServices,
  caller: RequestContext,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  reference: BoundObjectReference,
): Promise<Pick<TokenOrder, 'node' | 'pod' | 'secret'>> {
  const read = (kind: Kind, place: string, wanted: string) =>
    readNewest(services, kind, { namespace: place, name: wanted, caller })
  const { apiVersion = '', kind = '', name: wanted = '', uid = '' } = reference
  const found = [Kinds.Pod, Kinds.Secret, Kinds.Node].find(one => one.kind === kind && apiVersion === 'v1')
  if (found === undefined)
    throw badRequest(
      `cannot bind token to object of type ${apiVersion === '' ? '' : `${apiVersion}, `}Kind=${kind}`,
    )
  const { object } = await read(found, found.namespaced ? namespace : '', wanted)
  const stored = object.metadata.uid ?? ''
  if (uid !== '' && uid !== stored)
    throw new StatusError(
      'Conflict',
      `Operation cannot be fulfilled on ${found.plural} "${wanted}": the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      { name: wanted, kind: found.plural },
    )
  if (found === Kinds.Secret) return { secret: boundTo(object) }
  if (found === Kinds.Node) return { node: boundTo(object) }
  const { serviceAccountName = '', nodeName = '' } = (object as Pod).spec ?? {}
  if (serviceAccountName !== name)
    throw badRequest(
      `cannot bind token for serviceaccount "${name}" to pod running with different serviceaccount name.`,
    )
  return { pod: boundTo(object), ...(nodeName === '' ? {} : await nodeOf(nodeName, read)) }
}

/** Where a pod runs. A node that is gone keeps nobody from a token: the pod's own end is what counts. */
async function nodeOf(
  nodeName: string,
  read: (kind: Kind, namespace: string, name: string) => Promise<{ readonly object: KubeObject }>,
): Promise<{ readonly node?: Bound }> {
  try {
    return { node: boundTo((await read(Kinds.Node, '', nodeName)).object) }
  } catch (error) {
    if (isNotFound(error)) return {}
    throw error
  }
}

function boundTo({ metadata }: KubeObject): Bound {
  return { name: metadata.name ?? '', uid: metadata.uid ?? '' }
}
