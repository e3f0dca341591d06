import { isObject } from '../../../base/index.ts'
import {
  applyConflictError,
  readScale,
  schemaFor,
  serverSideApply,
  writeScale,
} from '../../../kinds/index.ts'
import { formatTime, type Kind, type KubeObject, StatusError } from '../../../kube/index.ts'
import { entryOf } from '../cache/stored-entry.ts'
import type { Attributes, Entry, MutationOptions, PatchRequest, RequestContext } from '../contract.ts'
import { badRequest } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { applierOf, managerOf } from '../write/manager.ts'
import { type Modification, modifyObject } from '../write/modify.ts'
import { patchValue } from '../write/patch-value.ts'

/** A patch of the Scale of an object. */
interface ScalePatch {
  readonly kind: Kind
  readonly attributes: Attributes
  readonly patch: PatchRequest
}

/** Sets the number of replicas through `autoscaling/v1` Scale. `derive` makes the new Scale of the current one. */
export function updateScale(
  services: VerbServices,
  context: RequestContext,
  request: {
    readonly kind: Kind
    readonly attributes: Attributes
    readonly manager: string
    readonly derive: (scale: KubeObject) => unknown
  },
  options: MutationOptions,
): Promise<Entry> {
  const { kind, attributes, manager, derive } = request
  const scaled = (current: KubeObject): KubeObject => {
    const shown = readScale(kind, current)
    const scale = derive(shown)
    checkShape(scale, shown)
    return withIdentityOf(scale, writeScale(kind, current, replicasIn(scale, attributes.name)))
  }
  return changeScale(services, context, { kind, attributes, manager, derive: scaled }, options)
}

/** An apply of a Scale: the replicas that it declares belong to its manager, as a field of the object that is scaled. */
function applyScale(
  services: VerbServices,
  context: RequestContext,
  request: ScalePatch,
  options: MutationOptions,
): Promise<Entry> {
  const { kind, attributes, patch } = request
  const manager = applierOf(options, context)
  const scaled = (current: KubeObject): KubeObject => {
    const shown = readScale(kind, current)
    checkShape(patch.body, shown)
    const { apiVersion, kind: kindName, metadata } = current
    const bare: KubeObject = { apiVersion, kind: kindName, metadata: { name: metadata.name ?? '' } }
    const declares = declaresReplicas(patch.body)
    const { object, conflicts } = serverSideApply({
      schema: schemaFor(kind),
      live: current,
      applied: declares ? writeScale(kind, bare, replicasIn(patch.body, attributes.name)) : bare,
      manager,
      force: patch.force,
      nowIso: formatTime(services.clock.now()),
      subresource: 'scale',
      hasStatus: kind.subresources.includes('status'),
    })
    if (conflicts.length > 0) throw applyConflictError(conflicts)
    // Who gives the replicas up leaves their number.
    return withIdentityOf(patch.body, declares ? object : writeScale(kind, object, shown.spec?.replicas ?? 0))
  }
  return changeScale(services, context, { kind, attributes, manager: undefined, derive: scaled }, options)
}

async function changeScale(
  services: VerbServices,
  context: RequestContext,
  change: Pick<Modification, 'attributes' | 'derive' | 'kind' | 'manager'>,
  options: MutationOptions,
): Promise<Entry> {
  const { kind } = change
  const entry = await modifyObject(services, context, {
    ...change,
    dryRun: options.dryRun,
    written: (next, old) => ({
      body: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      operation: 'UPDATE',
      object: readScale(kind, next),
      old: readScale(kind, old),
    }),
  })
  return entryOf(readScale(kind, entry.object))
}

/** The same by a patch of the Scale. */
export function patchScale(
  services: VerbServices,
  context: RequestContext,
  request: ScalePatch,
  options: MutationOptions,
): Promise<Entry> {
  const { kind, attributes, patch } = request
  if (patch.type === 'apply') return applyScale(services, context, request, options)
  const asMerge: PatchRequest = patch.type === 'json' ? patch : { ...patch, type: 'merge' }
  const derive = (scale: KubeObject): unknown => patchValue(kind, scale, asMerge)
  return updateScale(
    services,
    context,
    { kind, attributes, manager: managerOf(options, context), derive },
    options,
  )
}

/** What a body says of its kind, its name and its place is what the path says, or left out. */
function checkShape(scale: unknown, { apiVersion, kind, metadata: { name, namespace } }: KubeObject): void {
  if (!isObject(scale)) throw badRequest('the body must be a Scale object')
  const { metadata = {} } = scale
  if ((scale.apiVersion ?? apiVersion) !== apiVersion || (scale.kind ?? kind) !== kind)
    throw badRequest(
      `the API version and kind in the data are not the expected ones (${apiVersion}, ${kind})`,
    )
  if (!isObject(metadata)) throw badRequest('metadata must be an object')
  if ((metadata.name || name) !== name)
    throw badRequest(
      `the name of the object (${String(metadata.name)}) does not match the name on the URL (${name})`,
    )
  if ((metadata.namespace || namespace) !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
}

function replicasIn(scale: unknown, name: string): number {
  const spec = isObject(scale) ? scale.spec : undefined
  const replicas = isObject(spec) ? (spec.replicas ?? 0) : 0
  if (typeof replicas === 'number' && Number.isInteger(replicas) && replicas >= 0 && replicas <= MAX_REPLICAS)
    return replicas
  const message = `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`
  throw new StatusError('Invalid', `Scale.autoscaling "${name}" is invalid: spec.replicas: ${message}`, {
    name,
    group: 'autoscaling',
    kind: 'Scale',
    causes: [{ reason: 'FieldValueInvalid', message, field: 'spec.replicas' }],
  })
}

function declaresReplicas(scale: unknown): boolean {
  return isObject(scale) && isObject(scale.spec) && scale.spec.replicas !== undefined
}

const MAX_REPLICAS = 2 ** 31 - 1

/** A scaled object, to be written if it is still the one that the Scale names. */
function withIdentityOf(scale: unknown, object: KubeObject): KubeObject {
  const { uid, resourceVersion } = isObject(scale) && isObject(scale.metadata) ? scale.metadata : {}
  return { ...object, metadata: { ...object.metadata, uid, resourceVersion } } as KubeObject
}
