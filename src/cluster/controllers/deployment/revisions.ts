import { deepCopy } from '../../../base/index.ts'
import { type Deployment, parseTime, type ReplicaSet, type ReplicaSetSpec } from '../../../kube/index.ts'
import { controllerReference } from '../ownership.ts'
import { shortHash } from '../short-hash.ts'
import { budgetOf, replicasOf } from './budget.ts'
import { isSameTemplate, TEMPLATE_HASH_LABEL } from './template-hash.ts'

export const REVISION = 'deployment.kubernetes.io/revision'
const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history'
const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas'
const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas'

/** What a ReplicaSet does not inherit from its Deployment's annotations. */
const NOT_INHERITED: ReadonlySet<string> = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
])

export interface Revisions {
  /** The one with the Deployment's template; undefined when there is none yet. */
  readonly current: ReplicaSet | undefined
  /** All others, oldest first. */
  readonly old: readonly ReplicaSet[]
}

/** Tells the ReplicaSet of the current template from those of earlier ones. Of several the oldest is current. */
export function sortRevisions(deployment: Deployment, replicaSets: readonly ReplicaSet[]): Revisions {
  const ordered = [...replicaSets].sort(byCreation)
  const current = ordered.find(one => isSameTemplate(one.spec?.template, deployment.spec?.template))
  return { current, old: ordered.filter(one => one !== current) }
}

/** The number of a ReplicaSet's revision; 0 when it has none. */
export function revisionOf(object: { readonly metadata: ReplicaSet['metadata'] }): number {
  const revision = Number(object.metadata.annotations?.[REVISION] ?? 0)
  return Number.isSafeInteger(revision) ? revision : 0
}

export function latestRevision(replicaSets: readonly ReplicaSet[]): number {
  return Math.max(0, ...replicaSets.map(revisionOf))
}

/** The replicas that its Deployment wanted when it was last scaled; undefined when that is not known. */
export function desiredReplicasOf(replicaSet: ReplicaSet): number | undefined {
  return countAnnotation(replicaSet, DESIRED_REPLICAS)
}

export function maxReplicasOf(replicaSet: ReplicaSet): number | undefined {
  return countAnnotation(replicaSet, MAX_REPLICAS)
}

/** The ReplicaSet that a Deployment's current template needs, with `replicas` pods. */
export function newReplicaSet(deployment: Deployment, revision: number, replicas: number): ReplicaSet {
  const spec = deployment.spec ?? { selector: {}, template: {} }
  const template = deepCopy(spec.template)
  const hash = shortHash(template, deployment.status?.collisionCount ?? 0)
  const labels = { ...template.metadata?.labels, [TEMPLATE_HASH_LABEL]: hash }
  const { name = '', namespace = '' } = deployment.metadata
  const replicaSet: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels,
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      ...(spec.minReadySeconds ? { minReadySeconds: spec.minReadySeconds } : {}),
      selector: {
        ...spec.selector,
        matchLabels: { ...spec.selector.matchLabels, [TEMPLATE_HASH_LABEL]: hash },
      },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  }
  return withCounts(deployment, withRevision(deployment, replicaSet, revision))
}

/**
 * `replicaSet` as the current revision of its Deployment: its number, the numbers it had before (a rollback makes an old
 * one new again), the Deployment's own annotations, and its `minReadySeconds`. The same object when nothing differs.
 */
export function withRevision(deployment: Deployment, replicaSet: ReplicaSet, revision: number): ReplicaSet {
  const before = replicaSet.metadata.annotations ?? {}
  const annotations: Record<string, string> = { ...before }
  for (const [key, value] of Object.entries(deployment.metadata.annotations ?? {}))
    if (!NOT_INHERITED.has(key)) annotations[key] = value
  const known = revisionOf(replicaSet)
  if (known < revision) {
    annotations[REVISION] = String(revision)
    if (known > 0) {
      const history = (before[REVISION_HISTORY] ?? '').split(',').filter(text => text !== '')
      annotations[REVISION_HISTORY] = [...history, String(known)].join(',')
    }
  }
  const minReadySeconds = deployment.spec?.minReadySeconds ?? 0
  const sameReadiness = (replicaSet.spec?.minReadySeconds ?? 0) === minReadySeconds
  if (sameReadiness && sameEntries(before, annotations)) return replicaSet
  const annotated = { ...replicaSet, metadata: { ...replicaSet.metadata, annotations } }
  return sameReadiness ? annotated : withSpec(annotated, { minReadySeconds })
}

/** `replicaSet` with these fields of its spec changed. */
export function withSpec(replicaSet: ReplicaSet, changes: Partial<ReplicaSetSpec>): ReplicaSet {
  return { ...replicaSet, spec: { selector: {}, ...replicaSet.spec, ...changes } }
}

/** `replicaSet` with the counts of its Deployment noted on it, which proportional scaling reads. */
export function withCounts(deployment: Deployment, replicaSet: ReplicaSet): ReplicaSet {
  const desired = replicasOf(deployment)
  const max = desired + budgetOf(deployment).maxSurge
  const before = replicaSet.metadata.annotations ?? {}
  const annotations = { ...before, [DESIRED_REPLICAS]: String(desired), [MAX_REPLICAS]: String(max) }
  if (sameEntries(before, annotations)) return replicaSet
  return { ...replicaSet, metadata: { ...replicaSet.metadata, annotations } }
}

/** Oldest first, then by name. */
export function byCreation(a: ReplicaSet, b: ReplicaSet): number {
  return (
    (parseTime(a.metadata.creationTimestamp) ?? 0) - (parseTime(b.metadata.creationTimestamp) ?? 0) ||
    ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1)
  )
}

function countAnnotation(replicaSet: ReplicaSet, name: string): number | undefined {
  const text = replicaSet.metadata.annotations?.[name]
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

function sameEntries(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(b)
  return keys.length === Object.keys(a).length && keys.every(key => a[key] === b[key])
}
