import { deepEqual } from '../../../base/index.ts'
import { toStoredVersion } from '../../../kinds/index.ts'
import type { Kind, KubeObject } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import { encodeObject, entryOf, StoredEntry } from '../cache/stored-entry.ts'
import { viewOf } from '../cache/view.ts'
import type { Attributes, DeletionOptions, Entry, RequestContext } from '../contract.ts'
import type { PolicyRequest } from '../policies/policy-request.ts'
import { readNewest } from '../read-newest.ts'
import { conflict, modified } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { admit } from '../write/admit.ts'
import { deletionOf } from '../write/deletion.ts'

const ATTEMPTS = 20

export interface Deleted {
  readonly entry: Entry
  /** False while finalizers or a grace period keep the object. */
  readonly gone: boolean
}

/** Deletes an object, or begins to. */
export async function deleteObject(
  services: VerbServices,
  context: RequestContext,
  request: { readonly kind: Kind; readonly namespace: string; readonly name: string },
  options: DeletionOptions,
): Promise<Deleted> {
  const { kind, namespace, name } = request
  const attributes = authorize(services, context, kind, { verb: 'delete', namespace, name })
  return removeObject(services, context, kind, attributes, options)
}

/** The deletion itself, for callers that were authorized. */
export async function removeObject(
  services: VerbServices,
  context: RequestContext,
  kind: Kind,
  attributes: Attributes,
  options: DeletionOptions,
): Promise<Deleted> {
  const { namespace, name } = attributes
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const current = await readNewest(services, kind, { namespace, name, caller: context })
    const { object, key } = current
    checkPreconditions(kind, name, current, options)
    admit(services, {
      user: context.user,
      verb: 'delete',
      kind,
      subresource: '',
      namespace,
      name,
      object: undefined,
      old: object,
    })
    services.policies.check(context, () => deletionRequest(context, kind, attributes, object, options))
    const ending = deletionOf(kind, object, options, services.clock.now())
    if (ending !== undefined && deepEqual(ending, object)) return { entry: current, gone: false }
    if (options.dryRun)
      return { entry: ending === undefined ? current : entryOf(ending), gone: ending === undefined }
    const warnings = services.warnOnWrite(attributes, object)
    const value = ending === undefined ? undefined : encodeObject(toStoredVersion(kind, ending))
    const result = await services.store.txn(
      [{ key, modRevision: current.revision }],
      [value === undefined ? { type: 'delete', key } : { type: 'put', key, value }],
    )
    if (!result.ok) continue
    context.warnings.push(...warnings)
    if (value === undefined) return { entry: current.at(result.revision), gone: true }
    return { entry: viewOf(kind, new StoredEntry({ key, value }, result.revision)), gone: false }
  }
  throw modified(kind, name)
}

/** The deletion as policies see it. */
function deletionRequest(
  { user }: RequestContext,
  kind: Kind,
  { namespace, name }: Attributes,
  old: KubeObject,
  { propagationPolicy, gracePeriodSeconds, dryRun }: DeletionOptions,
): PolicyRequest {
  return {
    user,
    operation: 'DELETE',
    kind,
    subresource: '',
    namespace,
    name,
    object: undefined,
    old,
    dryRun,
    options: {
      kind: 'DeleteOptions',
      apiVersion: 'meta.k8s.io/v1',
      ...(propagationPolicy === '' ? {} : { propagationPolicy }),
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(dryRun ? { dryRun: ['All'] } : {}),
    },
  }
}

function checkPreconditions(kind: Kind, name: string, current: Entry, options: DeletionOptions): void {
  const { preconditionUid, preconditionResourceVersion } = options
  const uid = current.object.metadata.uid ?? ''
  if (preconditionUid !== '' && preconditionUid !== uid)
    throw conflict(
      kind,
      name,
      `the UID in the precondition (${preconditionUid}) does not match the UID in record (${uid}). The object might have been deleted and then recreated`,
    )
  if (preconditionResourceVersion !== '' && preconditionResourceVersion !== current.resourceVersion)
    throw conflict(
      kind,
      name,
      `the ResourceVersion in the precondition (${preconditionResourceVersion}) does not match the ResourceVersion in record (${current.resourceVersion}). The object might have been modified`,
    )
}
