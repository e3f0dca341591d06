import { isObject } from '../../../base/index.ts'
import { readScale, writeScale } from '../../../kinds/index.ts'
import { type Kind, type KubeObject, StatusError } from '../../../kube/index.ts'
import { entryOf } from '../cache/stored-entry.ts'
import type { Attributes, Entry, MutationOptions, PatchRequest, RequestContext } from '../contract.ts'
import { badRequest } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { managerOf } from '../write/manager.ts'
import { modifyObject } from '../write/modify.ts'
import { patchValue } from '../write/patch-value.ts'

/** Sets the number of replicas through `autoscaling/v1` Scale. `derive` makes the new Scale of the current one. */
export async function updateScale(
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
  const entry = await modifyObject(services, context, {
    kind,
    attributes,
    manager,
    dryRun: options.dryRun,
    written: (next, old) => ({
      body: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
      operation: 'UPDATE',
      object: readScale(kind, next),
      old: readScale(kind, old),
    }),
    derive(current) {
      const shown = readScale(kind, current)
      const scale = derive(shown)
      checkShape(scale, shown)
      const scaled = writeScale(kind, current, replicasIn(scale, attributes.name))
      const { uid, resourceVersion } = metadataIn(scale)
      return { ...scaled, metadata: { ...scaled.metadata, uid, resourceVersion } } as KubeObject
    },
  })
  return entryOf(readScale(kind, entry.object))
}

/** The same by a patch of the Scale; an apply sets the replicas that it declares. */
export function patchScale(
  services: VerbServices,
  context: RequestContext,
  request: { readonly kind: Kind; readonly attributes: Attributes; readonly patch: PatchRequest },
  options: MutationOptions,
): Promise<Entry> {
  const { kind, attributes, patch } = request
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

const MAX_REPLICAS = 2 ** 31 - 1

function metadataIn(scale: unknown): { readonly uid?: unknown; readonly resourceVersion?: unknown } {
  return isObject(scale) && isObject(scale.metadata) ? scale.metadata : {}
}
