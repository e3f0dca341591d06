import { type Compare, withMembers } from '../../../base/index.ts'
import {
  applyDefaults,
  inertReason,
  invalidError,
  prepareForCreate,
  schemaFor,
  toStoredVersion,
  trackUpdate,
  validateObject,
} from '../../../kinds/index.ts'
import {
  formatTime,
  isCustomKind,
  type Kind,
  Kinds,
  type KubeObject,
  type ObjectMeta,
  registryKey,
  StatusError,
} from '../../../kube/index.ts'
import { entryOf, StoredEntry } from '../cache/stored-entry.ts'
import { viewOf } from '../cache/view.ts'
import type { Attributes, Entry, RequestContext } from '../contract.ts'
import { type PolicyRequest, writeOptions } from '../policies/policy-request.ts'
import type { QuotaCharge } from '../quota/resource-quotas.ts'
import { alreadyExists, badRequest } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { admit } from './admit.ts'
import { encodeWithinLimit } from './size.ts'

/** Tries at a generated name that is free, and at a namespace that changes meanwhile (upstream: 8). */
const ATTEMPTS = 8
/** Room for the suffix within the 63 characters of a label (apiserver `storage/names/generate.go`). */
const MAX_GENERATED_BASE = 58

export interface Insertion {
  /** The kind that is stored; the attributes may name one that shows its objects in another form. */
  readonly kind: Kind
  /** The kind in whose form the object came; absent: the one that is stored. */
  readonly requested?: Kind
  readonly attributes: Attributes
  /** Read and defaulted. */
  readonly object: KubeObject
  /** Whom the fields belong to; undefined when the object brings its managedFields, as an apply does. */
  readonly manager: string | undefined
  readonly dryRun: boolean
}

/** Stores a new object; a `StatusError` of reason AlreadyExists when there is one of that name. */
export async function insertObject(
  services: VerbServices,
  context: RequestContext,
  insertion: Insertion,
): Promise<Entry> {
  const { attributes } = insertion
  const { store, world } = services
  for (let attempt = 1; ; attempt += 1) {
    await world.fresh(context)
    const kind = services.kinds.current(insertion.kind)
    if (isCustomKind(kind) && kind.custom.isEnding) throw endingKind()
    const ofKind = { ...insertion, kind }
    const admitted = newObject(services, context, ofKind)
    const { namespace = '', name = '' } = admitted.metadata
    const key = registryKey(kind, namespace, name)
    const isGenerated = !insertion.object.metadata.name
    // What is there already needs nothing, and has what it would be given.
    const exists = world.cacheOf(kind).get(key) !== undefined
    const allocation = exists ? undefined : services.allocator.allocate(kind, admitted, undefined)
    let charge: QuotaCharge | undefined
    let revision: number | undefined
    try {
      const object = finish(services, ofKind, allocation?.object ?? admitted)
      services.policies.check(context, () => creationOf(context, ofKind, object))
      const value = encodeWithinLimit(toStoredVersion(kind, object))
      if (!exists) {
        charge = services.quotas.charge({ kind, object, old: undefined, holds: !insertion.dryRun })
        if (insertion.dryRun) return entryOf(object)
        const warnings = services.warnOnWrite(attributes, object)
        const compares = [
          { key, modRevision: 0 },
          ...namespaceCompare(services, kind, namespace),
          ...definitionCompare(services, kind),
        ]
        const result = await store.txn(compares, [{ type: 'put', key, value }])
        if (result.ok) {
          revision = result.revision
          context.warnings.push(...warnings, ...inertWarnings(kind))
          return viewOf(kind, new StoredEntry({ key, value }, result.revision))
        }
        // The namespace, or the definition of the kind, changed between admission and the write: admission decides again.
        if (!result.failed.some(compare => compare.key === key) && attempt < ATTEMPTS) continue
      }
    } finally {
      allocation?.settle(revision)
      charge?.settle(revision)
    }
    if (!isGenerated || attempt >= ATTEMPTS) throw alreadyExists(kind, name)
  }
}

/** The creation as policies see it. */
function creationOf({ user }: RequestContext, insertion: Insertion, object: KubeObject): PolicyRequest {
  const { kind, requested = kind, attributes, manager, dryRun } = insertion
  return {
    user,
    operation: 'CREATE',
    kind: requested,
    subresource: '',
    namespace: attributes.namespace,
    name: object.metadata.name ?? '',
    object,
    old: undefined,
    dryRun,
    options: writeOptions('CreateOptions', { manager, dryRun }),
  }
}

/** Nobody should wait for what will not happen. */
function inertWarnings(kind: Kind): readonly string[] {
  const reason = inertReason(kind)
  return reason === undefined
    ? []
    : [`nothing acts on ${/^[AEIO]/.test(kind.kind) ? 'an' : 'a'} ${kind.kind} yet: ${reason}`]
}

/** The object as admission leaves it. */
function newObject(services: VerbServices, context: RequestContext, insertion: Insertion): KubeObject {
  const { kind, attributes } = insertion
  const { clock, ids } = services
  const metadata = newMetadata(insertion.object.metadata, {
    name: insertion.object.metadata.name || generatedName(insertion.object.metadata, ids.suffix()),
    namespace: attributes.namespace,
    uid: ids.uid(),
    creationTimestamp: formatTime(clock.now()),
  })
  const named = withMembers(insertion.object, { metadata })
  // Some defaults follow from the name.
  const complete = insertion.object.metadata.name ? named : applyDefaults(kind, named)
  const prepared = prepareForCreate(kind, complete)
  return admit(services, {
    user: context.user,
    verb: 'create',
    kind,
    subresource: '',
    namespace: attributes.namespace,
    name: metadata.name ?? '',
    object: prepared,
    old: undefined,
  })
}

/** The object as it is stored, once it is found good. */
function finish(services: VerbServices, { kind, manager }: Insertion, object: KubeObject): KubeObject {
  const problems = validateObject(kind, object)
  if (problems.length > 0) throw invalidError(kind, object.metadata.name ?? '', problems)
  if (manager === undefined) return object
  const nowIso = formatTime(services.clock.now())
  return trackUpdate({ schema: schemaFor(kind), before: undefined, after: object, manager, nowIso })
}

/** What the client says of a new object, and what only the server says. */
function newMetadata(
  given: ObjectMeta,
  own: { name: string; namespace: string; uid: string; creationTimestamp: string },
): ObjectMeta {
  const {
    resourceVersion,
    deletionTimestamp: _timestamp,
    deletionGracePeriodSeconds: _grace,
    generation: _generation,
    namespace: _namespace,
    ...kept
  } = given
  if (resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created')
  const { namespace, ...server } = own
  return withMembers(kept, namespace === '' ? server : own)
}

function generatedName({ generateName = '' }: ObjectMeta, suffix: string): string {
  if (generateName === '') return ''
  return `${generateName.slice(0, MAX_GENERATED_BASE)}${suffix}`
}

/** Nothing is born of a kind that ends, or is defined anew, at the same instant. */
function definitionCompare({ world }: VerbServices, kind: Kind): Compare[] {
  if (!isCustomKind(kind)) return []
  const key = registryKey(Kinds.CustomResourceDefinition, undefined, kind.custom.definition)
  const entry = world.cacheOf(Kinds.CustomResourceDefinition).get(key)
  return entry === undefined ? [] : [{ key, modRevision: entry.revision }]
}

function endingKind(): StatusError {
  return new StatusError(
    'MethodNotAllowed',
    'create not allowed while custom resource definition is terminating',
  )
}

/** Nothing is born into a namespace that ends at the same instant. */
function namespaceCompare({ world }: VerbServices, kind: Kind, namespace: string): Compare[] {
  if (!kind.namespaced) return []
  const key = registryKey(Kinds.Namespace, undefined, namespace)
  const entry = world.cacheOf(Kinds.Namespace).get(key)
  return entry === undefined ? [] : [{ key, modRevision: entry.revision }]
}
