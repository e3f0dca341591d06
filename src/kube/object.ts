/** `metadata.ownerReferences[]`. */
export interface OwnerReference {
  readonly apiVersion: string
  readonly kind: string
  readonly name: string
  readonly uid: string
  readonly controller?: boolean
  readonly blockOwnerDeletion?: boolean
}

/** One manager's claim on fields (`metadata.managedFields[]`). */
export interface ManagedFieldsEntry {
  readonly manager?: string
  readonly operation?: 'Apply' | 'Update'
  readonly apiVersion?: string
  readonly time?: string
  readonly fieldsType?: 'FieldsV1'
  readonly fieldsV1?: { readonly [key: string]: unknown }
  readonly subresource?: string
}

/** The metadata that every object has. `name` is set on everything that was stored. */
export interface ObjectMeta {
  readonly name?: string
  readonly generateName?: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  readonly generation?: number
  readonly creationTimestamp?: string
  readonly deletionTimestamp?: string
  readonly deletionGracePeriodSeconds?: number
  readonly labels?: { readonly [key: string]: string }
  readonly annotations?: { readonly [key: string]: string }
  readonly ownerReferences?: readonly OwnerReference[]
  readonly finalizers?: readonly string[]
  readonly managedFields?: readonly ManagedFieldsEntry[]
}

/** Any Kubernetes object. Plain JSON; frozen when it comes from a cache. */
export interface KubeObject {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: ObjectMeta
}

/**
 * Levels of objects and lists inside one another that the API takes, in a body or as the result of a patch: more than any Kubernetes object
 * has. What works on objects recursively relies on it.
 */
export const MAX_NESTING = 200

/** `status.conditions[]` in the form that most kinds share. */
export interface Condition {
  readonly type: string
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: string
  readonly lastUpdateTime?: string
  readonly observedGeneration?: number
}

/** Where an object is: enough to name it to a person or to find it again. `namespace` is absent for cluster-scoped kinds. */
export interface ObjectRef {
  readonly apiVersion: string
  readonly kind: string
  readonly namespace?: string
  readonly name: string
}

/** The reference of an object. */
export function refOf(object: KubeObject): ObjectRef {
  const { namespace, name = '' } = object.metadata
  return { apiVersion: object.apiVersion, kind: object.kind, ...(namespace ? { namespace } : {}), name }
}

/** A text that is equal for two references exactly when they name the same object, whatever version of its group they speak. */
export function refKey(ref: ObjectRef): string {
  return `${groupOf(ref.apiVersion)}/${ref.kind}/${ref.namespace ?? ''}/${ref.name}`
}

/** The group of an apiVersion: `apps/v1` → `apps`, `v1` → the core group, ``. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/')
  return slash === -1 ? '' : apiVersion.slice(0, slash)
}

/** `Deployment shop/web`, as messages name an object. */
export function describeRef(ref: ObjectRef): string {
  return ref.namespace ? `${ref.kind} ${ref.namespace}/${ref.name}` : `${ref.kind} ${ref.name}`
}

/** The key under which informers and queues hold an object: `namespace/name`, or `name` for cluster-scoped kinds. */
export function objectKey(object: { readonly metadata: ObjectMeta }): string {
  const { namespace, name = '' } = object.metadata
  return namespace ? `${namespace}/${name}` : name
}
