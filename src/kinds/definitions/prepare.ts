import { deepEqual, withMembers } from '../../base/index.ts'
import type { Kind, KubeObject, ObjectMeta } from '../../kube/index.ts'
import type { Draft, KindDefinition } from './definition.ts'
import { definitionOf } from './definitions.ts'

/** The one top-level field that a write to a subresource may change; a write to the main resource may change all but `status`. */
const OWNED_FIELDS: Readonly<Record<string, string>> = {
  approval: 'status',
  ephemeralcontainers: 'spec',
  finalize: 'spec',
  status: 'status',
}

/** A new object with what only the server says of it: its first status and generation. Returns a new object. */
export function prepareForCreate(kind: Kind, object: KubeObject): KubeObject {
  const special = definitionOf(kind)
  const { generation: _, ...metadata } = object.metadata
  const draft: Parts = withMembers(object, {
    metadata: special.generation === 'none' ? metadata : withMembers(metadata, { generation: 1 }),
  })
  if (special.prepareForCreate !== undefined) special.prepareForCreate(draft as Draft<KubeObject>)
  else if (special.subresources.includes('status') && special.keepsStatusOnCreate !== true)
    delete draft.status
  return draft
}

/**
 * What a write makes of `old`: `next` where the written resource owns the field, `old` elsewhere, and the generation that follows.
 * `subresource` is `` for the main resource. Returns a new object; metadata beyond the generation is the caller's to guard.
 */
export function prepareForUpdate(
  kind: Kind,
  next: KubeObject,
  old: KubeObject,
  subresource: string,
): KubeObject {
  const special = definitionOf(kind)
  const draft: Parts = withMembers(next, { metadata: withMembers(next.metadata, {}) })
  for (const field of new Set([...Object.keys(draft), ...Object.keys(old)]))
    if (leavesAlone(kind, subresource, field)) restore(draft, old, field)
  special.prepareForUpdate?.(draft as Draft<KubeObject>, old, subresource)
  const { generation: _, ...metadata } = draft.metadata
  const generation = nextGeneration(special, draft, old)
  draft.metadata = generation === undefined ? metadata : withMembers(metadata, { generation })
  return draft
}

/**
 * Whether a write to the main resource (`subresource` is ``) or to a subresource leaves a field of the object alone: whatever it says,
 * {@link prepareForUpdate} puts the stored value there.
 */
export function leavesAlone(kind: Kind, subresource: string, field: string): boolean {
  if (field === 'metadata') return false
  const owned = OWNED_FIELDS[subresource]
  return owned === undefined
    ? field === 'status' && definitionOf(kind).subresources.includes('status')
    : field !== owned
}

/** Whether a field of an object can be read, and completed with defaults, without its other fields. */
export function readsApart(kind: Kind): boolean {
  return definitionOf(kind).defaultsSpanParts !== true
}

/** The object and its parts: the parts belong to others and are only ever replaced. */
type Parts = { [field: string]: unknown } & { apiVersion: string; kind: string; metadata: ObjectMeta }

function restore(draft: Parts, old: KubeObject, field: string): void {
  const value = (old as unknown as { readonly [field: string]: unknown })[field]
  if (value === undefined) delete draft[field]
  else draft[field] = value
}

function nextGeneration(special: KindDefinition, draft: Parts, old: KubeObject): number | undefined {
  const { generation } = old.metadata
  if (special.generation === 'none') return generation
  if (special.generation === 'content')
    return deepEqual(contentOf(special, draft), contentOf(special, old as unknown as Parts))
      ? generation
      : (generation ?? 0) + 1
  const { spec } = old as unknown as { readonly spec?: unknown }
  const changed =
    !deepEqual(draft.spec, spec) ||
    (special.generation === 'annotations' &&
      !deepEqual(draft.metadata.annotations ?? {}, old.metadata.annotations ?? {}))
  return changed ? (generation ?? 0) + 1 : generation
}

/** All of an object but its metadata, and its status where that is written apart. */
function contentOf(
  special: KindDefinition,
  { metadata: _, apiVersion: __, status, ...content }: Parts,
): unknown {
  return special.subresources.includes('status') ? content : { ...content, status }
}
