import { type Kind, registryKey } from '../../kube/index.ts'
import type { StoredEntry } from './cache/stored-entry.ts'
import { viewOf } from './cache/view.ts'
import type { Abortable } from './contract.ts'
import { notFound } from './refusals.ts'
import type { VerbServices } from './services.ts'

/** The newest acknowledged state of an object; a `StatusError` of reason NotFound when it is not there. */
export async function readNewest(
  { world }: Pick<VerbServices, 'world'>,
  kind: Kind,
  target: { readonly namespace: string; readonly name: string; readonly caller: Abortable },
): Promise<StoredEntry> {
  await world.fresh(target.caller)
  const entry = world.cacheOf(kind).get(registryKey(kind, target.namespace, target.name))
  if (entry === undefined) throw notFound(kind, target.name)
  return viewOf(kind, entry)
}
