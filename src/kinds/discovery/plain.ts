import { allKinds, type Kind } from '../../kube/index.ts'
import { findGroupVersion, groupVersionsOf } from './groups.ts'
import { subresourcesOf } from './subresources.ts'

/** `GET /api` for clients that do not know aggregated discovery. */
export function coreVersions(kinds: readonly Kind[] = allKinds): object {
  return { kind: 'APIVersions', versions: versionsOf(kinds, ''), serverAddressByClientCIDRs: [] }
}

/** `GET /apis` likewise: an `APIGroupList`. */
export function groupList(kinds: readonly Kind[] = allKinds): object {
  const names = [...new Set(groupVersionsOf(kinds).map(({ group }) => group))].filter(name => name !== '')
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: names.map(name => describeGroup(kinds, name)) }
}

/** `GET /apis/<group>`: an `APIGroup`; undefined when the group is not served. */
export function groupDocument(group: string, kinds: readonly Kind[] = allKinds): object | undefined {
  if (group === '' || versionsOf(kinds, group).length === 0) return undefined
  return { kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(kinds, group) }
}

/** `GET /api/v1` (group ``) or `GET /apis/<group>/<version>`: an `APIResourceList`; undefined when it is not served. */
export function resourceList(
  group: string,
  version: string,
  kinds: readonly Kind[] = allKinds,
): object | undefined {
  const found = findGroupVersion(kinds, group, version)
  if (found === undefined) return undefined
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: found.kinds.flatMap(describeKind),
  }
}

function versionsOf(kinds: readonly Kind[], name: string): readonly string[] {
  return groupVersionsOf(kinds)
    .filter(({ group }) => group === name)
    .map(({ version }) => version)
}

function describeGroup(kinds: readonly Kind[], name: string): { readonly name: string } {
  const versions = versionsOf(kinds, name).map(version => ({ groupVersion: `${name}/${version}`, version }))
  return { name, ...{ versions, preferredVersion: versions[0] } }
}

function describeKind(kind: Kind): readonly object[] {
  const { plural, singular, namespaced, shortNames, categories } = kind
  return [
    {
      name: plural,
      singularName: singular,
      namespaced,
      kind: kind.kind,
      verbs: kind.verbs,
      ...(shortNames.length > 0 ? { shortNames } : {}),
      ...(categories.length > 0 ? { categories } : {}),
    },
    ...subresourcesOf(kind).map(({ name, kind: body, verbs }) => ({
      name: `${plural}/${name}`,
      singularName: '',
      namespaced,
      ...(body.group !== kind.group || body.version !== kind.version
        ? { group: body.group, version: body.version }
        : {}),
      kind: body.kind,
      verbs,
    })),
  ]
}
