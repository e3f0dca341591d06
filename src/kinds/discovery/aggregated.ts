import { allKinds, type Kind } from '../../kube/index.ts'
import { type GroupVersion, groupVersionsOf } from './groups.ts'
import { groupVersionKindOf, subresourcesOf } from './subresources.ts'

/**
 * The answer to `GET /api` (`core`) or `GET /apis` (`named`) as an `APIGroupDiscoveryList` (`apidiscovery.k8s.io`): all that kubectl
 * needs to know of the server in one request. The two versions differ in name only.
 */
export function aggregatedDiscovery(
  groups: 'core' | 'named',
  version: 'v2' | 'v2beta1',
  kinds: readonly Kind[] = allKinds,
): object {
  const wanted = groupVersionsOf(kinds).filter(({ group }) => (group === '') === (groups === 'core'))
  const names = [...new Set(wanted.map(({ group }) => group))]
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: names.map(name => ({
      metadata: name === '' ? {} : { name },
      versions: wanted.filter(({ group }) => group === name).map(describeVersion),
    })),
  }
}

function describeVersion({ version, kinds }: GroupVersion): object {
  return { version, resources: kinds.map(describeKind), freshness: 'Current' }
}

function describeKind(kind: Kind): object {
  const subresources = subresourcesOf(kind)
  return {
    resource: kind.plural,
    responseKind: groupVersionKindOf(kind),
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: kind.verbs,
    ...(kind.shortNames.length > 0 ? { shortNames: kind.shortNames } : {}),
    ...(kind.categories.length > 0 ? { categories: kind.categories } : {}),
    ...(subresources.length === 0
      ? {}
      : {
          subresources: subresources.map(({ name, kind: responseKind, verbs }) => ({
            subresource: name,
            responseKind,
            verbs,
          })),
        }),
  }
}
