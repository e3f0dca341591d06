import { type Clock, deepEqual } from '../../base/index.ts'
import type { Informer, Informers, Reader } from '../../client/index.ts'
import { builtInKinds, isEstablished, type KindView, withDefinitions } from '../../kinds/index.ts'
import { type CustomResourceDefinition, Kinds } from '../../kube/index.ts'

/**
 * Calls `onChange` whenever the kinds that definitions in the cluster give, or how their objects are judged, may have become others.
 * Returns the function that ends it.
 */
export function watchDefinedKinds(informers: Informers, onChange: () => void): () => void {
  const changeOf = (definition: CustomResourceDefinition): void => {
    if (isEstablished(definition)) onChange()
  }
  return informers.of(Kinds.CustomResourceDefinition).subscribe({
    added: changeOf,
    updated: (definition, previous) => {
      if (!givesTheSame(definition, previous)) onChange()
    },
    deleted: changeOf,
  })
}

/** How long definitions that the server has are waited for; one may be deleted meanwhile. */
const CATCH_UP_MS = 2_000

/**
 * The kinds that definitions in the cluster give now, and not those of a moment ago: a commit that is pushed when its kind is served is
 * not to be judged by a cache that has yet to hear of it.
 */
export async function definedKinds(parts: {
  readonly client: Reader
  readonly informers: Informers
  readonly clock: Clock
}): Promise<KindView> {
  const definitions = parts.informers.of(Kinds.CustomResourceDefinition)
  await definitions.synced
  const { items } = await parts.client.list(Kinds.CustomResourceDefinition)
  await untilShown(items, definitions, parts.clock)
  return withDefinitions(definitions.list().filter(isEstablished), builtInKinds)
}

async function untilShown(
  items: readonly CustomResourceDefinition[],
  definitions: Informer<CustomResourceDefinition>,
  clock: Clock,
): Promise<void> {
  const isShown = ({ metadata: { name = '', resourceVersion } }: CustomResourceDefinition): boolean =>
    Number(definitions.versionOf(name) ?? 0) >= Number(resourceVersion)
  if (items.every(isShown)) return
  await new Promise<void>(resolve => {
    const finish = (): void => {
      unsubscribe()
      cancel()
      resolve()
    }
    const look = (): void => {
      if (items.every(isShown)) finish()
    }
    const unsubscribe = definitions.subscribe({ added: look, updated: look, deleted: look })
    const cancel = clock.after(CATCH_UP_MS, finish)
  })
}

/** A definition that is not established gives no kind. */
function givesTheSame(one: CustomResourceDefinition, other: CustomResourceDefinition): boolean {
  if (isEstablished(one) !== isEstablished(other)) return false
  const names = one.status?.acceptedNames
  return (
    !isEstablished(one) || (deepEqual(one.spec, other.spec) && deepEqual(names, other.status?.acceptedNames))
  )
}
