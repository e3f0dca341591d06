import { readScale } from '../../../kinds/index.ts'
import type { Kind } from '../../../kube/index.ts'
import { authorize } from '../authorize.ts'
import { entryOf } from '../cache/stored-entry.ts'
import type { Entry, RequestContext } from '../contract.ts'
import { readNewest } from '../read-newest.ts'
import { methodNotAllowed } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { isView } from './views.ts'

/** Reads one object, or its `status` (the same) or `scale` subresource. Never older than what was acknowledged before. */
export async function getObject(
  services: VerbServices,
  context: RequestContext,
  kind: Kind,
  target: { readonly namespace: string; readonly name: string; readonly subresource: string },
): Promise<Entry> {
  const { namespace, name, subresource } = target
  authorize(services, context, kind, { verb: 'get', namespace, name, subresource })
  const entry = await readNewest(services, kind, { namespace, name, caller: context })
  if (subresource === 'scale') return entryOf(readScale(kind, entry.object))
  // `log`, `exec` and their like are served by the node, a `binding` can only be made.
  if (!isView(subresource)) throw methodNotAllowed()
  return entry
}
