import { deepEqual } from '../../base/index.ts'
import type { Informers } from '../../client/index.ts'
import { isEstablished } from '../../kinds/index.ts'
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

/** A definition that is not established gives no kind. */
function givesTheSame(one: CustomResourceDefinition, other: CustomResourceDefinition): boolean {
  if (isEstablished(one) !== isEstablished(other)) return false
  const names = one.status?.acceptedNames
  return (
    !isEstablished(one) || (deepEqual(one.spec, other.spec) && deepEqual(names, other.status?.acceptedNames))
  )
}
