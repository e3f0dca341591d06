import type { CustomResourceDefinition } from '../../kube/generated/types.ts'
import { apiVersionOf, findKind, type Kind } from '../../kube/index.ts'
import { customKinds } from '../custom/custom-kind.ts'

/** Which kinds there are, as somebody sees it: a server, a commit, or this program alone. */
export interface KindView {
  find(apiVersion: string, kind: string): Kind | undefined
}

/** The kinds that this program knows. */
export const builtInKinds: KindView = { find: findKind }

/** The kinds of definitions, in every version that they serve, before those of `others`. What is built in no definition changes. */
export function withDefinitions(definitions: Iterable<CustomResourceDefinition>, others: KindView): KindView {
  const defined = new Map<string, Kind>()
  for (const definition of definitions)
    for (const kind of customKinds(definition))
      if (kind.custom.isServed) defined.set(`${apiVersionOf(kind)}/${kind.kind}`, kind)
  return {
    find: (apiVersion, kind) =>
      findKind(apiVersion, kind) ?? defined.get(`${apiVersion}/${kind}`) ?? others.find(apiVersion, kind),
  }
}
