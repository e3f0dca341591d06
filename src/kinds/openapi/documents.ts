import { definitions } from '../../kube/generated/schemas.ts'
import { allKinds, type Kind } from '../../kube/index.ts'
import { definitionOf } from '../definitions/definitions.ts'
import { findGroupVersion, groupVersionsOf } from '../discovery/groups.ts'
import { subresourcesOf } from '../discovery/subresources.ts'
import type { GroupVersionKind, Schema } from '../schema/schema.ts'
import { type BodyNames, renderPaths, sharedDefinitions } from './operations.ts'
import { renderSchemas, schemaRef } from './render-schema.ts'

const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
const LIST_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta'

/** The documents there are, as the paths after `/openapi/v3/`: `api/v1`, `apis/apps/v1`, … */
export function openApiPaths(kinds: readonly Kind[] = allKinds): readonly string[] {
  return groupVersionsOf(kinds).map(({ group, version }) =>
    group === '' ? `api/${version}` : `apis/${group}/${version}`,
  )
}

/** `GET /openapi/v3`: where each document is. `hashOf` a path makes its address change with its content, so that it is cached well. */
export function openApiIndex(hashOf: (path: string) => string, kinds: readonly Kind[] = allKinds): object {
  const entries = openApiPaths(kinds).map(path => [
    path,
    { serverRelativeURL: `/openapi/v3/${path}?hash=${encodeURIComponent(hashOf(path))}` },
  ])
  return { paths: Object.fromEntries(entries) }
}

/**
 * The OpenAPI v3 document of one of {@link openApiPaths}; undefined for any other path. It is what kubectl's `apply`, `diff`, `explain`
 * and server-side dry run go by. Making one costs some milliseconds and nothing is kept: keep its bytes.
 */
export function openApiV3(path: string, kinds: readonly Kind[] = allKinds): object | undefined {
  const parts = path.split('/')
  const [group, version] = parts[0] === 'api' ? ['', parts[1]] : [parts[1], parts[2]]
  if (group === undefined || version === undefined || !openApiPaths(kinds).includes(path)) return undefined
  const { paths, schemas } = describeKinds(findGroupVersion(kinds, group, version)?.kinds ?? [])
  return { openapi: '3.0.0', info: documentInfo, paths, components: { schemas } }
}

/** What every document says of the API as a whole. */
export const documentInfo = { title: 'Bowline', version: 'v1.32.0' } as const

/** The paths of kinds, and every schema that these refer to by name, in the form of OpenAPI v3. */
export function describeKinds(kinds: readonly Kind[]): {
  readonly paths: Readonly<Record<string, object>>
  readonly schemas: Readonly<Record<string, object>>
} {
  const paths: Record<string, object> = {}
  const names = [...sharedDefinitions, LIST_META]
  const own: Record<string, object> = {}
  for (const kind of kinds) {
    const bodies = bodyNames(kind)
    Object.assign(paths, renderPaths(kind, bodies))
    const { rules } = definitionOf(kind)
    if (rules === undefined) names.push(bodies.object)
    else {
      own[bodies.object] = rules.published
      names.push(OBJECT_META)
    }
    names.push(...Object.values(bodies.subresources).filter(name => name !== bodies.object))
    own[bodies.list] = listSchema(kind, bodies.object)
  }
  return { paths, schemas: { ...renderSchemas(names), ...own } }
}

function bodyNames(kind: Kind): BodyNames {
  const object = definitionOf(kind).definition
  const subresources: Record<string, string> = {}
  for (const { name, kind: body } of subresourcesOf(kind))
    subresources[name] =
      body.kind === kind.kind && body.group === kind.group ? object : definitionOfBody(body)
  return { object, list: `${object}List`, subresources }
}

function definitionOfBody({ group, version, kind }: GroupVersionKind): string {
  const found = Object.entries(definitions() as { readonly [name: string]: Schema }).find(([, schema]) =>
    schema['x-kubernetes-group-version-kind']?.some(
      gvk => gvk.group === group && gvk.version === version && gvk.kind === kind,
    ),
  )
  if (found === undefined)
    throw new RangeError(`Cannot find the definition of kind ${group}/${version} ${kind}`)
  return found[0]
}

function listSchema(kind: Kind, object: string): object {
  const { group, version } = kind
  const name = kind.listKind ?? `${kind.kind}List`
  return {
    description: `${name} is a list of ${kind.kind}.`,
    type: 'object',
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      items: { type: 'array', items: schemaRef(object) },
      kind: { type: 'string' },
      metadata: schemaRef(LIST_META),
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: name }],
  }
}
