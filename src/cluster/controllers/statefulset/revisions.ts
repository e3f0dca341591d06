import { canonicalJson, deepCopy, deepEqual, isObject } from '../../../base/index.ts'
import { LAST_APPLIED_ANNOTATION } from '../../../kinds/index.ts'
import {
  type ControllerRevision,
  type PodTemplateSpec,
  parseTime,
  type StatefulSet,
} from '../../../kube/index.ts'
import { controllerReference } from '../ownership.ts'
import { shortHash } from '../short-hash.ts'

const HASH_LABEL = 'controller.kubernetes.io/hash'
/** What of a set's name its revisions' names hold (kubernetes `ControllerRevisionName`). */
const MAX_PREFIX = 223

export type UpdateRevision =
  /** The newest revision is the set's template. */
  | { readonly do: 'keep'; readonly revision: ControllerRevision }
  /** An earlier revision is: it becomes the newest, with this number. */
  | { readonly do: 'renumber'; readonly revision: ControllerRevision; readonly to: number }
  /** None is. */
  | { readonly do: 'create'; readonly revision: ControllerRevision }

/** The revision that the pods of a set should have, given those that the set has had, and how to come by it. */
export function updateRevisionOf(set: StatefulSet, revisions: readonly ControllerRevision[]): UpdateRevision {
  const ordered = sortedRevisions(revisions)
  const newest = ordered.at(-1)
  const next = (newest?.revision ?? 0) + 1
  const wanted = newRevision(set, next, set.status?.collisionCount ?? 0)
  const equal = ordered.findLast(revision => isSameRevision(revision, wanted))
  if (equal === undefined) return { do: 'create', revision: wanted }
  return equal === newest ? { do: 'keep', revision: equal } : { do: 'renumber', revision: equal, to: next }
}

/** A revision of the set's template. `collisionCount` gives another name when the first one was taken by a different template. */
export function newRevision(set: StatefulSet, revision: number, collisionCount: number): ControllerRevision {
  const data = templatePatch(set)
  const hash = shortHash(data, collisionCount)
  const { name = '', namespace = '', annotations = {} } = set.metadata
  const { [LAST_APPLIED_ANNOTATION]: _, ...inherited } = annotations
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: `${name.slice(0, MAX_PREFIX)}-${hash}`,
      namespace,
      labels: { ...set.spec?.template?.metadata?.labels, [HASH_LABEL]: hash },
      ...(Object.keys(inherited).length === 0 ? {} : { annotations: inherited }),
      ownerReferences: [controllerReference(set)],
    },
    data,
    revision,
  }
}

export function isSameRevision(a: ControllerRevision, b: ControllerRevision): boolean {
  return deepEqual(a.data, b.data)
}

/** The template that a revision keeps. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { spec } = data as { readonly spec?: { readonly template?: Record<string, unknown> } }
  const { $patch: _, metadata, ...template } = deepCopy(spec?.template ?? {})
  const { creationTimestamp: __, ...kept } = isObject(metadata) ? metadata : {}
  return { ...template, metadata: kept } as PodTemplateSpec
}

/** Revisions that may go: those that neither the set nor one of its pods uses, the oldest of them, beyond the limit. */
export function surplusRevisions(
  set: StatefulSet,
  revisions: readonly ControllerRevision[],
  used: ReadonlySet<string>,
): readonly ControllerRevision[] {
  const unused = sortedRevisions(revisions).filter(({ metadata }) => !used.has(metadata.name ?? ''))
  return unused.slice(0, Math.max(0, unused.length - (set.spec?.revisionHistoryLimit ?? 10)))
}

function sortedRevisions(revisions: readonly ControllerRevision[]): readonly ControllerRevision[] {
  return revisions.toSorted(
    (a, b) =>
      a.revision - b.revision ||
      (parseTime(a.metadata.creationTimestamp) ?? 0) - (parseTime(b.metadata.creationTimestamp) ?? 0) ||
      ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1),
  )
}

/**
 * The patch that brings a set back to its template of now: what upstream keeps and what `kubectl rollout history` and `undo` read. kubectl
 * compares it byte by byte with what Go's encoder makes of the set: keys in order, a null and an empty object where Go has no way to
 * leave them out.
 */
function templatePatch({ spec }: StatefulSet): { readonly [key: string]: unknown } {
  const template = deepCopy(spec?.template ?? {}) as Record<string, unknown>
  const metadata = isObject(template.metadata) ? template.metadata : {}
  const pod = isObject(template.spec) ? template.spec : {}
  for (const field of ['containers', 'initContainers'] as const)
    for (const container of (pod[field] ?? []) as Record<string, unknown>[]) container.resources ??= {}
  const patch = {
    spec: {
      template: {
        ...template,
        $patch: 'replace',
        metadata: { ...metadata, creationTimestamp: null },
        spec: pod,
      },
    },
  }
  return JSON.parse(canonicalJson(patch)) as typeof patch
}
