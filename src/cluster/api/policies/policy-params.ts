import {
  apiVersionOf,
  type Kind,
  type KubeObject,
  labelSelectorFromObject,
  matchesLabels,
  type ParamKind,
  type ParamRef,
  registryKey,
  registryPrefix,
} from '../../../kube/index.ts'
import { viewOf } from '../cache/view.ts'
import type { World } from '../cache/world.ts'

/** A binding's parameters, or why they cannot be had. Without any, a policy is not evaluated; `undefined` is one that has none. */
export type Params = readonly (KubeObject | undefined)[] | { readonly problem: string }

/** The parameters with which a binding wants its policy evaluated, in the order of their names (upstream `CollectParams`). */
export function collectParams(
  paramKind: ParamKind | undefined,
  paramRef: ParamRef | undefined,
  requestNamespace: string,
  parts: { readonly world: Pick<World, 'cacheOf'>; readonly kinds: readonly Kind[] },
): Params {
  if (paramKind === undefined || paramRef === undefined) return [undefined]
  const kind = parts.kinds.find(
    one => apiVersionOf(one) === paramKind.apiVersion && one.kind === paramKind.kind,
  )
  if (kind === undefined)
    return { problem: `paramKind kind \`${paramKind.apiVersion}, Kind=${paramKind.kind}\` not known` }
  const namespace = kind.namespaced ? paramRef.namespace || requestNamespace : ''
  if (kind.namespaced && namespace === '')
    return {
      problem: 'cannot use namespaced paramRef in policy binding that matches cluster-scoped resources',
    }
  if (!kind.namespaced && paramRef.namespace)
    return { problem: 'paramRef.namespace must not be provided for a cluster-scoped `paramKind`' }
  const found = find(kind, namespace, paramRef, parts.world)
  if (found.length === 0 && paramRef.parameterNotFoundAction === 'Deny')
    return { problem: 'no params found for policy binding with `Deny` parameterNotFoundAction' }
  return found
}

function find(
  kind: Kind,
  namespace: string,
  { name = '', selector }: ParamRef,
  world: Pick<World, 'cacheOf'>,
): readonly KubeObject[] {
  const cache = world.cacheOf(kind)
  if (name !== '') {
    const entry = cache.get(registryKey(kind, namespace, name))
    return entry === undefined ? [] : [viewOf(kind, entry).object]
  }
  const prefix = registryPrefix(kind, namespace)
  const labels = labelSelectorFromObject(selector)
  return [...cache.values()]
    .filter(({ key }) => key.startsWith(prefix))
    .map(entry => viewOf(kind, entry))
    .filter(({ object }) => matchesLabels(labels, object.metadata.labels))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ object }) => object)
}
