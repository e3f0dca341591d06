import {
  applyConflictError,
  applyDefaults,
  findTypeProblems,
  schemaFor,
  serverSideApply,
  storedKindOf,
  toStored,
  undecodableError,
} from '../../../kinds/index.ts'
import { formatTime, isNotFound, type Kind, type KubeObject, StatusError } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import type { Attributes, Entry, MutationOptions, PatchRequest, RequestContext } from '../contract.ts'
import { badRequest, notFound } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { insertObject } from '../write/insert.ts'
import { applierOf } from '../write/manager.ts'
import { modifyObject } from '../write/modify.ts'
import { asObjectOf, checkUnknown } from '../write/read-body.ts'

/** Tries at an apply of an object that others make and delete at the same time. */
const ATTEMPTS = 5

/** Server-side apply: sets what the manager declares, gives up what it no longer declares, makes the object when it is not there. */
export async function applyObject(
  services: VerbServices,
  context: RequestContext,
  request: { readonly kind: Kind; readonly attributes: Attributes; readonly patch: PatchRequest },
  options: MutationOptions,
): Promise<{ readonly entry: Entry; readonly created: boolean }> {
  const { kind, attributes, patch } = request
  const manager = applierOf(options, context)
  const stored = storedKindOf(kind)
  // Fields belong to managers in the stored form, whichever form they were declared in.
  const applied = toStored(kind, readApplied(request, options, context))
  const merge = (live: KubeObject | undefined): KubeObject => {
    const { object, conflicts } = serverSideApply({
      schema: schemaFor(stored),
      live,
      applied,
      manager,
      force: patch.force,
      nowIso: formatTime(services.clock.now()),
      subresource: options.subresource,
      hasStatus: kind.subresources.includes('status'),
    })
    if (conflicts.length > 0) throw applyConflictError(conflicts)
    return object === live ? object : applyDefaults(stored, object)
  }
  const { resourceVersion } = applied.metadata
  for (let attempt = 1; ; attempt += 1) {
    try {
      const entry = await modifyObject(services, context, {
        kind: stored,
        requested: kind,
        attributes,
        manager: undefined,
        dryRun: options.dryRun,
        derive(current) {
          const merged = merge(current)
          return resourceVersion ? withVersion(merged, resourceVersion) : merged
        },
      })
      return { entry, created: false }
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    if (options.subresource !== '' || resourceVersion) throw notFound(kind, attributes.name)
    // Whoever may change objects may not therefore make them.
    const { namespace, name } = attributes
    const creation = authorize(services, context, kind, { verb: 'create', namespace, name })
    try {
      const object = merge(undefined)
      const entry = await insertObject(services, context, {
        kind: stored,
        requested: kind,
        attributes: creation,
        object,
        manager: undefined,
        dryRun: options.dryRun,
      })
      return { entry, created: true }
    } catch (error) {
      const isTaken = error instanceof StatusError && error.reason === 'AlreadyExists'
      if (!isTaken || attempt >= ATTEMPTS) throw error
    }
  }
}

function readApplied(
  request: { readonly kind: Kind; readonly attributes: Attributes; readonly patch: PatchRequest },
  options: MutationOptions,
  context: RequestContext,
): KubeObject {
  const { kind, attributes, patch } = request
  const applied = asObjectOf(kind, patch.body)
  const mismatches = findTypeProblems(kind, applied)
  if (mismatches.length > 0) throw undecodableError(kind, mismatches)
  checkUnknown(kind, applied, options.fieldValidation, context.warnings)
  const { name, namespace, managedFields } = applied.metadata
  if (managedFields !== undefined && managedFields !== null)
    throw badRequest('metadata.managedFields must be nil')
  if (name && name !== attributes.name)
    throw badRequest(
      `the name of the object (${name}) does not match the name on the URL (${attributes.name})`,
    )
  if (kind.namespaced && namespace && namespace !== attributes.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  const place = kind.namespaced ? { namespace: attributes.namespace } : {}
  return { ...applied, metadata: { ...applied.metadata, name: attributes.name, ...place } }
}

function withVersion(object: KubeObject, resourceVersion: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion } }
}
