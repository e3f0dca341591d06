import { withMembers } from '../../../base/index.ts'
import { type Kind, type KubeObject, registryKey } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import type { Entry, MutationOptions, RequestContext } from '../contract.ts'
import { badRequest, methodNotAllowed } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { managerOf } from '../write/manager.ts'
import { modifyObject } from '../write/modify.ts'
import { readChange } from '../write/read-change.ts'
import { checkNamespace } from './create.ts'
import { updateScale } from './scale.ts'
import { isView } from './views.ts'

export interface UpdateRequest {
  readonly kind: Kind
  readonly namespace: string
  readonly name: string
  readonly body: unknown
}

/** Replaces an object, or one of its subresources. */
export async function updateObject(
  services: VerbServices,
  context: RequestContext,
  request: UpdateRequest,
  options: MutationOptions,
): Promise<Entry> {
  const { kind, namespace, name, body } = request
  const { subresource } = options
  const attributes = authorize(services, context, kind, {
    verb: 'update',
    namespace,
    name,
    subresource,
  })
  const manager = managerOf(options, context)
  if (subresource === 'scale')
    return updateScale(services, context, { kind, attributes, manager, derive: () => body }, options)
  if (!isView(subresource)) throw methodNotAllowed()
  // What controllers write they have made of what is here, and share with it what they did not change.
  const known = services.world.cacheOf(kind).get(registryKey(kind, namespace, name))?.object
  const object = named(readChange(kind, body, known, options, context.warnings), name)
  checkNamespace(kind, namespace, object.metadata.namespace)
  return modifyObject(services, context, {
    kind,
    attributes,
    manager,
    dryRun: options.dryRun,
    derive: current => withMembers(object, { metadata: withMembers(object.metadata, placeOf(current)) }),
  })
}

function named(object: KubeObject, name: string): KubeObject {
  const given = object.metadata.name
  if (given && given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`)
  return object
}

function placeOf({ metadata: { name = '', namespace } }: KubeObject): { name: string; namespace?: string } {
  return { name, ...(namespace === undefined ? {} : { namespace }) }
}
