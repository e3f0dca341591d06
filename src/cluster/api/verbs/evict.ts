import { isObject } from '../../../base/index.ts'
import { Kinds, type KubeObject } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import type { DeletionOptions, MutationOptions, RequestContext } from '../contract.ts'
import { writeOptions } from '../policies/policy-request.ts'
import { readNewest } from '../read-newest.ts'
import { badRequest } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { admit } from '../write/admit.ts'
import { removeObject } from './delete.ts'

/**
 * `POST …/pods/<name>/eviction`: the deletion that `kubectl drain` asks for. Whoever may evict need not be allowed to delete. No
 * PodDisruptionBudget is asked: nothing keeps count of them yet.
 */
export async function evictPod(
  services: VerbServices,
  context: RequestContext,
  request: { readonly namespace: string; readonly name: string; readonly body: unknown },
  options: MutationOptions,
): Promise<KubeObject> {
  const { namespace, name } = request
  const place = { verb: 'create', namespace, name, subresource: 'eviction' } as const
  const attributes = authorize(services, context, Kinds.Pod, place)
  const deletion = deletionIn(request.body, name)
  const dryRun = options.dryRun || deletion.dryRun
  const pod = await readNewest(services, Kinds.Pod, { namespace, name, caller: context })
  const body = request.body as KubeObject
  admit(services, { kind: Kinds.Pod, user: context.user, old: pod.object, ...place, object: body })
  services.policies.check(context, () => ({
    user: context.user,
    operation: 'CREATE',
    kind: Kinds.Pod,
    subresource: 'eviction',
    namespace,
    name,
    body: { group: 'policy', version: 'v1', kind: 'Eviction' },
    object: body,
    old: undefined,
    dryRun,
    options: writeOptions('CreateOptions', { manager: undefined, dryRun }),
  }))
  await removeObject(
    services,
    context,
    Kinds.Pod,
    { ...attributes, verb: 'delete', subresource: '' },
    { ...deletion, dryRun },
  )
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 } as KubeObject
}

/** The `deleteOptions` of an Eviction; what is none of it is refused. */
function deletionIn(body: unknown, name: string): DeletionOptions {
  if (!isObject(body)) throw badRequest('the body of the request is no Eviction')
  const named = isObject(body.metadata) ? body.metadata.name : undefined
  if (typeof named === 'string' && named !== '' && named !== name)
    throw badRequest(`the name of the object (${named}) does not match the name on the URL (${name})`)
  const given = body.deleteOptions ?? {}
  if (!isObject(given)) throw badRequest('deleteOptions must be an object')
  const { gracePeriodSeconds: grace, dryRun, preconditions } = given
  if (grace !== undefined && grace !== null && !Number.isSafeInteger(grace))
    throw badRequest('deleteOptions.gracePeriodSeconds must be a whole number')
  const { uid, resourceVersion } = isObject(preconditions) ? preconditions : {}
  return {
    propagationPolicy: '',
    gracePeriodSeconds: typeof grace === 'number' ? grace : undefined,
    preconditionUid: typeof uid === 'string' ? uid : '',
    preconditionResourceVersion: typeof resourceVersion === 'string' ? resourceVersion : '',
    dryRun: Array.isArray(dryRun) && dryRun.includes('All'),
  }
}
