import { storedKindOf } from '../../../kinds/index.ts'
import type { Kind } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import { entryOf } from '../cache/stored-entry.ts'
import type { Entry, MutationOptions, RequestContext } from '../contract.ts'
import { badRequest } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { insertObject } from '../write/insert.ts'
import { intoStored } from '../write/into-stored.ts'
import { managerOf } from '../write/manager.ts'
import { readBody } from '../write/read-body.ts'

/** Stores a new object. */
export async function createObject(
  services: VerbServices,
  context: RequestContext,
  request: { readonly kind: Kind; readonly namespace: string; readonly body: unknown },
  options: MutationOptions,
): Promise<Entry> {
  const { kind, namespace, body } = request
  const attributes = authorize(services, context, kind, { verb: 'create', namespace })
  const object = intoStored(kind, readBody(kind, body, options.fieldValidation, context.warnings), undefined)
  checkNamespace(kind, namespace, object.metadata.namespace)
  const review = services.reviews.get(kind)
  if (review !== undefined) return entryOf(await review({ context, namespace, object }))
  return insertObject(services, context, {
    kind: storedKindOf(kind),
    requested: kind,
    attributes,
    object,
    manager: managerOf(options, context),
    dryRun: options.dryRun,
  })
}

/** An object is written where the request says; it may repeat that, or leave it out. */
export function checkNamespace(kind: Kind, requested: string, inObject: string | undefined): void {
  if (!kind.namespaced) return
  if (requested === '') throw badRequest('an empty namespace may not be set during creation')
  if (inObject && inObject !== requested)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
}
