import { apiPath, isCustomKind, type Kind, type Verb } from '../../kube/index.ts'
import { groupVersionKindOf, type Subresource, subresourcesOf } from '../discovery/subresources.ts'
import type { GroupVersionKind } from '../schema/schema.ts'
import { schemaRef } from './render-schema.ts'

/** The definitions to which an operation of a kind refers. */
export interface BodyNames {
  readonly object: string
  readonly list: string
  /** Of a subresource's body, by subresource name. */
  readonly subresources: Readonly<Record<string, string>>
}

const DELETE_OPTIONS = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions'
const STATUS = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status'

/** The definitions that operations of every kind refer to. */
export const sharedDefinitions: readonly string[] = [DELETE_OPTIONS, STATUS]

const PATCH_TYPES = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
]

/** Only the models of the built-in kinds say how a strategic patch merges: kubectl goes by this when it applies. */
function patchTypesOf(kind: Kind): readonly string[] {
  return isCustomKind(kind) ? PATCH_TYPES : [...PATCH_TYPES, 'application/strategic-merge-patch+json']
}

const LIST_PARAMETERS = [
  parameter('allowWatchBookmarks', 'boolean'),
  parameter('continue', 'string'),
  parameter('fieldSelector', 'string'),
  parameter('labelSelector', 'string'),
  parameter('limit', 'integer'),
  parameter('resourceVersion', 'string'),
  parameter('resourceVersionMatch', 'string'),
  parameter('sendInitialEvents', 'boolean'),
  parameter('timeoutSeconds', 'integer'),
  parameter('watch', 'boolean'),
]
/** kubectl looks for `dryRun` and `fieldValidation` here before it relies on them. */
const WRITE_PARAMETERS = [
  parameter('dryRun', 'string'),
  parameter('fieldManager', 'string'),
  parameter('fieldValidation', 'string'),
]
const PATCH_PARAMETERS = [...WRITE_PARAMETERS, parameter('force', 'boolean')]
const DELETE_PARAMETERS = [
  parameter('dryRun', 'string'),
  parameter('gracePeriodSeconds', 'integer'),
  parameter('propagationPolicy', 'string'),
]

/** `paths` of one kind: its collection, its objects, their subresources. */
export function renderPaths(kind: Kind, bodies: BodyNames): { readonly [path: string]: object } {
  // Placeholders instead of names; apiPath() escapes the braces.
  const at = (...parts: readonly (string | undefined)[]): string =>
    decodeURIComponent(apiPath(kind, parts[0], parts[1], parts[2]))
  const namespace = kind.namespaced ? '{namespace}' : undefined
  const paths: Record<string, object> = {
    [at(namespace)]: collectionPath(kind, bodies),
    [at(namespace, '{name}')]: objectPath(kind, bodies),
  }
  if (kind.namespaced)
    paths[at()] = { get: operation('list', groupVersionKindOf(kind), LIST_PARAMETERS, bodies.list) }
  for (const subresource of subresourcesOf(kind)) {
    const body = bodies.subresources[subresource.name] ?? bodies.object
    paths[at(namespace, '{name}', subresource.name)] = subresourcePath(kind, subresource, body)
  }
  return paths
}

function collectionPath(kind: Kind, { object, list }: BodyNames): object {
  const gvk = groupVersionKindOf(kind)
  return withVerbs(kind.verbs, {
    parameters: pathParameters(kind, false),
    get: ['list', operation('list', gvk, LIST_PARAMETERS, list)],
    post: ['create', writing(operation('post', gvk, WRITE_PARAMETERS, object), object)],
    delete: [
      'deletecollection',
      writing(
        operation('deletecollection', gvk, [...LIST_PARAMETERS, ...DELETE_PARAMETERS], STATUS),
        DELETE_OPTIONS,
      ),
    ],
  })
}

function objectPath(kind: Kind, { object }: BodyNames): object {
  const gvk = groupVersionKindOf(kind)
  return withVerbs(kind.verbs, {
    parameters: pathParameters(kind, true),
    get: ['get', operation('get', gvk, [], object)],
    put: ['update', writing(operation('put', gvk, WRITE_PARAMETERS, object), object)],
    patch: ['patch', patching(operation('patch', gvk, PATCH_PARAMETERS, object), kind)],
    delete: ['delete', writing(operation('delete', gvk, DELETE_PARAMETERS, STATUS), DELETE_OPTIONS)],
  })
}

function subresourcePath(kind: Kind, { kind: gvk, verbs }: Subresource, body: string): object {
  return withVerbs(verbs, {
    parameters: pathParameters(kind, true),
    get: ['get', operation('get', gvk, [], body)],
    post: ['create', writing(operation('post', gvk, WRITE_PARAMETERS, body), body)],
    put: ['update', writing(operation('put', gvk, WRITE_PARAMETERS, body), body)],
    patch: ['patch', patching(operation('patch', gvk, PATCH_PARAMETERS, body), kind)],
  })
}

type MethodEntry = readonly [Verb, object]

/** The methods of a path whose verb the resource offers. */
function withVerbs(
  verbs: readonly Verb[],
  { parameters, ...methods }: { readonly [method: string]: MethodEntry | readonly object[] },
): object {
  const offered = Object.entries(methods as { readonly [method: string]: MethodEntry })
    .filter(([, [verb]]) => verbs.includes(verb))
    .map(([method, [, described]]) => [method, described] as const)
  return { ...Object.fromEntries(offered), parameters }
}

function operation(
  action: string,
  gvk: GroupVersionKind,
  parameters: readonly object[],
  answer: string,
): object {
  return {
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: {
      '200': { description: 'OK', content: { 'application/json': { schema: schemaRef(answer) } } },
    },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk,
  }
}

function writing(described: object, body: string): object {
  return {
    ...described,
    requestBody: { content: { 'application/json': { schema: schemaRef(body) } } },
  }
}

function patching(described: object, kind: Kind): object {
  const patch = { schema: { type: 'object' } }
  return {
    ...described,
    requestBody: {
      content: Object.fromEntries(patchTypesOf(kind).map(type => [type, patch])),
      required: true,
    },
  }
}

function pathParameters({ namespaced }: Kind, named: boolean): readonly object[] {
  const names = [...(named ? ['name'] : []), ...(namespaced ? ['namespace'] : [])]
  return names.map(name => ({ name, in: 'path', required: true, schema: { type: 'string' } }))
}

function parameter(name: string, type: 'boolean' | 'integer' | 'string'): object {
  return { name, in: 'query', schema: { type } }
}
