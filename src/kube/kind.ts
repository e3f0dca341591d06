import type { CustomResourceDefinition } from './generated/types.ts'
import type { KubeObject } from './object.ts'

/** The verbs that a kind may offer, as discovery names them. */
export type Verb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch'

/**
 * One kind in one version: what discovery says of it, and the handle by which the client and the API name it.
 * `T` is the object's type; nothing at run time carries it.
 */
export interface Kind<T extends KubeObject = KubeObject> {
  /** `` for the core group. */
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly plural: string
  readonly singular: string
  /** What lists of it are called; absent: `<kind>List`. */
  readonly listKind?: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly namespaced: boolean
  readonly verbs: readonly Verb[]
  /** `status`, `scale`, `log`, `binding`, `approval`, `finalize`, … */
  readonly subresources: readonly string[]
  /** Of a kind that shows another kind's objects in its own form: that other one, which is what the store holds. */
  readonly storedAs?: Kind
  /** Never set; it only ties the handle to its type. */
  readonly objectType?: T
}

const ALL_VERBS: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

/** A handle from what differs from the usual: the core group's v1, namespaced, all verbs. */
export function defineHandle<T extends KubeObject>(
  special: Partial<Kind<T>> & { readonly kind: string },
): Kind<T> {
  const singular = special.kind.toLowerCase()
  return {
    group: '',
    version: 'v1',
    singular,
    plural: `${singular}s`,
    shortNames: [],
    categories: [],
    namespaced: true,
    verbs: ALL_VERBS,
    subresources: [],
    ...special,
  }
}

/** A kind in a version that a CustomResourceDefinition defines. */
export interface CustomKind extends Kind {
  readonly custom: {
    /** The definition's name and identity: a definition of the same name may be another one. */
    readonly definition: string
    readonly uid: string
    readonly spec: CustomResourceDefinition['spec']
    /** False for the version that is only stored. */
    readonly isServed: boolean
    /** What a client is told that uses the version. */
    readonly deprecation: string | undefined
    /** The definition is being deleted: nothing new is made. */
    readonly isEnding: boolean
  }
}

/** Whether a kind comes from a definition, and not from this program. */
export function isCustomKind(kind: Kind): kind is CustomKind {
  return 'custom' in kind
}

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf(kind: Kind): string {
  return kind.group === '' ? kind.version : `${kind.group}/${kind.version}`
}

/** `deployments.apps`, or `pods` for the core group: how messages name the resource. */
export function resourceName(kind: Kind): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`
}

/**
 * Where the store keeps an object: `/registry/<group or core>/<plural>/[<namespace>/]<name>`. The value is the object's JSON
 * without `metadata.resourceVersion`, which is the key's modRevision.
 */
export function registryKey(kind: Kind, namespace: string | undefined, name: string): string {
  return `${registryPrefix(kind, namespace)}${name}`
}

/** The prefix of all objects of a kind, or of those in one namespace. Ends in `/`. */
export function registryPrefix(kind: Kind, namespace?: string): string {
  const { group, plural } = kind.storedAs ?? kind
  const base = `/registry/${group === '' ? 'core' : group}/${plural}/`
  return kind.namespaced && namespace !== undefined && namespace !== '' ? `${base}${namespace}/` : base
}

/** The URL path of a kind, or of one object of it. */
export function apiPath(kind: Kind, namespace?: string, name?: string, subresource?: string): string {
  const base = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`
  const scope = kind.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`
  return `${base}${scope}/${kind.plural}${object}${subresource ? `/${subresource}` : ''}`
}
