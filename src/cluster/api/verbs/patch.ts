import type { Kind } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import type { Entry, MutationOptions, PatchRequest, RequestContext } from '../contract.ts'
import { badRequest, methodNotAllowed } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { managerOf } from '../write/manager.ts'
import { modifyObject } from '../write/modify.ts'
import { patchValue } from '../write/patch-value.ts'
import { readChange } from '../write/read-change.ts'
import { applyObject } from './apply.ts'
import { patchScale } from './scale.ts'
import { isView } from './views.ts'

/** Changes part of an object, or of one of its subresources; an apply makes it when it is not there. */
export async function patchObject(
  services: VerbServices,
  context: RequestContext,
  request: {
    readonly kind: Kind
    readonly namespace: string
    readonly name: string
    readonly patch: PatchRequest
  },
  options: MutationOptions,
): Promise<{ readonly entry: Entry; readonly created: boolean }> {
  const { kind, namespace, name, patch } = request
  const { subresource } = options
  const attributes = authorize(services, context, kind, { verb: 'patch', namespace, name, subresource })
  if (subresource === 'scale')
    return {
      entry: await patchScale(services, context, { kind, attributes, patch }, options),
      created: false,
    }
  if (!isView(subresource)) throw methodNotAllowed()
  if (patch.type === 'apply') return applyObject(services, context, { kind, attributes, patch }, options)
  const entry = await modifyObject(services, context, {
    kind,
    attributes,
    manager: managerOf(options, context),
    dryRun: options.dryRun,
    derive(current) {
      const warnings: string[] = []
      const patched = patchValue(kind, current, patch)
      const object = readChange(kind, patched, current, options, warnings)
      for (const warning of warnings) if (!context.warnings.includes(warning)) context.warnings.push(warning)
      if (object.metadata.name !== name)
        throw badRequest(
          `the name of the object (${object.metadata.name ?? ''}) does not match the name on the URL (${name})`,
        )
      if (kind.namespaced && object.metadata.namespace !== namespace)
        throw badRequest(
          'the namespace of the provided object does not match the namespace sent on the request',
        )
      return object
    },
  })
  return { entry, created: false }
}
