import { deepEqual, shareParts, withMembers } from '../../../base/index.ts'
import {
  fromStored,
  invalidError,
  prepareForUpdate,
  schemaFor,
  storedKindOf,
  toStoredVersion,
  trackUpdate,
  validateObject,
} from '../../../kinds/index.ts'
import {
  formatTime,
  type Kind,
  type KubeObject,
  type ManagedFieldsEntry,
  type ObjectMeta,
} from '../../../kube/index.ts'
import { entryOf, StoredEntry } from '../cache/stored-entry.ts'
import { viewOf } from '../cache/view.ts'
import type { Attributes, Entry, RequestContext } from '../contract.ts'
import { type PolicyRequest, writeOptions } from '../policies/policy-request.ts'
import type { QuotaCharge } from '../quota/resource-quotas.ts'
import { readNewest } from '../read-newest.ts'
import { conflict, modified } from '../refusals.ts'
import type { VerbServices } from '../services.ts'
import { admit } from './admit.ts'
import { endsWithUpdate } from './deletion.ts'
import { intoStored } from './into-stored.ts'
import { encodeWithinLimit } from './size.ts'

/** Tries at a write that rests on the newest state, while others write too. */
const ATTEMPTS = 20

export interface Modification {
  readonly kind: Kind
  /** The kind in whose form the change came, where `kind` is the stored one; absent: `kind`. */
  readonly requested?: Kind
  readonly attributes: Attributes
  /** What the object becomes, read and defaulted, from what it is, both as `kind` shows it. Called again when someone else wrote meanwhile. */
  readonly derive: (current: KubeObject) => KubeObject
  /** Whom the changed fields belong to; undefined when `derive` keeps account of it, as an apply does. */
  readonly manager: string | undefined
  readonly dryRun: boolean
  /** The server itself derives a good object from a good one: the rules for what clients may change do not apply. */
  readonly isTrusted?: boolean
  /** What policies see of the write, where it is not the object itself that is written but a Scale or a Binding of it. */
  readonly written?: (
    next: KubeObject,
    old: KubeObject,
  ) => Pick<PolicyRequest, 'body' | 'object' | 'old' | 'operation'>
}

/**
 * Changes a stored object, or one of its subresources. A resourceVersion or uid in the derived object must be the stored one's
 * (else Conflict). A write without effect stores nothing and keeps the resourceVersion; one that takes the last finalizer of an
 * ending object away ends it.
 */
export async function modifyObject(
  services: VerbServices,
  context: RequestContext,
  modification: Modification,
): Promise<Entry> {
  const { kind, attributes } = modification
  const { namespace, name } = attributes
  for (let attempt = 1; ; attempt += 1) {
    const current = await readNewest(services, kind, { namespace, name, caller: context })
    const derived = derivedFrom(modification, current.object)
    const { resourceVersion = '' } = derived.metadata
    checkPreconditions(kind, name, current, derived.metadata)
    const admitted = nextObject(services, context, modification, current.object, derived)
    const allocation =
      attributes.subresource === '' ? services.allocator.allocate(kind, admitted, current.object) : undefined
    let charge: QuotaCharge | undefined
    let revision: number | undefined
    try {
      const next = finish(services, modification, current.object, allocation?.object ?? admitted)
      services.policies.check(context, () => changeOf(context, modification, current.object, next))
      if (isSame(current.object, next) && !current.isOutdated) return current
      if (attributes.subresource === '')
        charge = services.quotas.charge({
          kind: storedKindOf(kind),
          object: next,
          old: current.object,
          holds: !modification.dryRun,
        })
      const value = encodeWithinLimit(toStoredVersion(kind, next))
      if (modification.dryRun) return entryOf(withVersion(next, current.resourceVersion))
      const warnings = services.warnOnWrite(attributes, next)
      const { key } = current
      const result = await services.store.txn(
        [{ key, modRevision: current.revision }],
        [endsWithUpdate(kind, next) ? { type: 'delete', key } : { type: 'put', key, value }],
      )
      if (result.ok) {
        revision = result.revision
        context.warnings.push(...warnings, ...inertWarnings(attributes))
        return viewOf(kind, new StoredEntry({ key, value }, result.revision))
      }
    } finally {
      allocation?.settle(revision)
      charge?.settle(revision)
    }
    // Whoever named a version meant that one; whoever did not means the newest, whichever it is.
    if (namesVersion(resourceVersion, current, attributes) || attempt >= ATTEMPTS) throw modified(kind, name)
  }
}

/** Nobody should wait for what will not happen. */
function inertWarnings({ subresource }: Attributes): readonly string[] {
  return subresource === 'ephemeralcontainers'
    ? ['nothing runs ephemeral containers yet: this one stays in the pod and is never started']
    : []
}

/** The change as policies see it. */
function changeOf(
  { user }: RequestContext,
  modification: Modification,
  old: KubeObject,
  next: KubeObject,
): PolicyRequest {
  const { kind, requested = kind, attributes, manager, dryRun, written } = modification
  return {
    user,
    operation: 'UPDATE',
    kind: requested,
    subresource: attributes.subresource,
    namespace: attributes.namespace,
    name: attributes.name,
    object: next,
    old,
    dryRun,
    options: writeOptions(attributes.verb === 'patch' ? 'PatchOptions' : 'UpdateOptions', {
      manager,
      dryRun,
    }),
    ...written?.(next, old),
  }
}

/**
 * The object that a write leads to, as it is stored. What it leaves as it is, it shares with the current one, so that nothing after this
 * looks into more than what has changed.
 */
function derivedFrom({ kind, derive }: Modification, current: KubeObject): KubeObject {
  const before = fromStored(kind, current)
  return shareParts(current, intoStored(kind, derive(before), before)) as KubeObject
}

/** Updates carry the version that they rest on; a patch's result carries the current one anyway. */
function namesVersion(resourceVersion: string, current: Entry, { verb }: Attributes): boolean {
  return verb === 'update' && resourceVersion !== '' && resourceVersion === current.resourceVersion
}

/** The object as admission leaves it. */
function nextObject(
  services: VerbServices,
  context: RequestContext,
  { kind: shown, attributes, isTrusted = false }: Modification,
  old: KubeObject,
  derived: KubeObject,
): KubeObject {
  const kind = storedKindOf(shown)
  const { subresource, namespace, name } = attributes
  // A change of scale is a change of the object itself; only the account of fields tells them apart.
  const strategy = subresource === 'scale' ? '' : subresource
  const kept = withMembers(derived, { metadata: keptMetadata(derived.metadata, old.metadata) })
  const prepared = isTrusted ? kept : prepareForUpdate(kind, kept, old, strategy)
  return admit(services, {
    user: context.user,
    verb: 'update',
    kind,
    subresource,
    namespace,
    name,
    object: prepared,
    old,
  })
}

/** The object as it is stored, once it is found good. */
function finish(
  services: VerbServices,
  { kind: shown, attributes, manager, isTrusted = false }: Modification,
  old: KubeObject,
  next: KubeObject,
): KubeObject {
  const kind = storedKindOf(shown)
  const { subresource, name } = attributes
  const problems = isTrusted ? [] : validateObject(kind, next, old)
  if (problems.length > 0) throw invalidError(kind, name, problems)
  if (manager === undefined) return next
  const nowIso = formatTime(services.clock.now())
  return trackUpdate({ schema: schemaFor(kind), before: old, after: next, manager, nowIso, subresource })
}

/** Metadata that the server alone says, and says once. */
const OWN_METADATA = [
  'uid',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const satisfies readonly (keyof ObjectMeta)[]

/** What an update may say of the metadata; the rest stays the server's. */
function keptMetadata(next: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const {
    resourceVersion: _version,
    deletionTimestamp: _timestamp,
    deletionGracePeriodSeconds: _grace,
    ...kept
  } = next
  for (const field of OWN_METADATA) if (old[field] !== undefined) Object.assign(kept, { [field]: old[field] })
  return kept
}

function checkPreconditions(kind: Kind, name: string, current: Entry, given: ObjectMeta): void {
  const { uid = '', resourceVersion = '' } = given
  const stored = current.object.metadata.uid ?? ''
  if (uid !== '' && uid !== stored)
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${stored}`,
    )
  if (resourceVersion !== '' && resourceVersion !== '0' && resourceVersion !== current.resourceVersion)
    throw modified(kind, name)
}

/** Whether a write would leave everything as it is; a new time in the account of fields alone is no change. */
function isSame(old: KubeObject, next: KubeObject): boolean {
  return deepEqual(withoutTimes(old), withoutTimes(next))
}

function withoutTimes(object: KubeObject): unknown {
  const { managedFields, resourceVersion: _, ...metadata } = object.metadata
  const entries = (managedFields ?? []).map(({ time: _time, ...entry }: ManagedFieldsEntry) => entry)
  return withMembers(object, { metadata: withMembers(metadata, { managedFields: entries }) })
}

function withVersion(object: KubeObject, resourceVersion: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion } }
}
