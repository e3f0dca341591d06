import { deepCopy } from '../../../base/index.ts'
import type { Pod, PodTemplateSpec, StatefulSet, Volume } from '../../../kube/index.ts'
import { controllerReference } from '../ownership.ts'

const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name'
const POD_INDEX_LABEL = 'apps.kubernetes.io/pod-index'
/** The label of the revision that a pod was made from: the name of the ControllerRevision. */
const REVISION_LABEL = 'controller-revision-hash'

/** Whether a set should have a pod for an ordinal: it is one of as many as replicas, from the first. */
export function isWantedOrdinal({ spec }: StatefulSet, ordinal: number): boolean {
  const start = spec?.ordinals?.start ?? 0
  return ordinal >= start && ordinal < start + (spec?.replicas ?? 1)
}

/** The ordinals that a set should have pods for and has none, from the lowest; `limit` of them at most, for there may be two billion. */
export function missingOrdinals(
  { spec }: StatefulSet,
  known: { has(ordinal: number): boolean },
  limit: number,
): readonly number[] {
  const start = spec?.ordinals?.start ?? 0
  const end = start + (spec?.replicas ?? 1)
  const missing: number[] = []
  for (let ordinal = start; ordinal < end && missing.length < limit; ordinal += 1)
    if (!known.has(ordinal)) missing.push(ordinal)
  return missing
}

export function podName({ metadata }: StatefulSet, ordinal: number): string {
  return `${metadata.name}-${ordinal}`
}

/** The ordinal in the name of a pod of this set; undefined when the name is not one of the set's. */
export function ordinalOf(
  { metadata: { name: set = '' } }: StatefulSet,
  { metadata }: Pod,
): number | undefined {
  const match = /^(.*)-(0|[1-9]\d*)$/.exec(metadata.name ?? '')
  return match?.[1] === set ? Number(match[2]) : undefined
}

export function claimName({ metadata }: StatefulSet, template: string, ordinal: number): string {
  return `${template}-${metadata.name}-${ordinal}`
}

/** The name of the revision that a pod was made from; empty when it does not say. */
export function podRevision({ metadata }: Pod): string {
  return metadata.labels?.[REVISION_LABEL] ?? ''
}

export interface NewPodInput {
  readonly set: StatefulSet
  readonly ordinal: number
  readonly revision: { readonly name: string; readonly template: PodTemplateSpec }
}

/** The pod of an ordinal as its set and a revision of its template ask for: its name, its names in DNS, and its own claims. */
export function newPod({ set, ordinal, revision }: NewPodInput): Pod {
  const name = podName(set, ordinal)
  const { labels = {}, annotations, finalizers } = revision.template.metadata ?? {}
  const template = deepCopy(revision.template.spec)
  const volumes = volumesOf(set, ordinal, template?.volumes ?? [])
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: set.metadata.namespace ?? '',
      labels: { ...labels, ...identityLabels(set, ordinal), [REVISION_LABEL]: revision.name },
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(set)],
    },
    spec: {
      containers: [],
      ...template,
      hostname: name,
      ...(set.spec?.serviceName ? { subdomain: set.spec.serviceName } : {}),
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  }
}

/** The labels that a pod of this set lost or never had; undefined when it has them. */
export function missingLabels(set: StatefulSet, pod: Pod): Readonly<Record<string, string>> | undefined {
  const ordinal = ordinalOf(set, pod)
  if (ordinal === undefined) return undefined
  const wanted = identityLabels(set, ordinal)
  const hasAll = Object.entries(wanted).every(([key, value]) => pod.metadata.labels?.[key] === value)
  return hasAll ? undefined : wanted
}

function identityLabels(set: StatefulSet, ordinal: number): Readonly<Record<string, string>> {
  return { [POD_NAME_LABEL]: podName(set, ordinal), [POD_INDEX_LABEL]: String(ordinal) }
}

/** A claim of the set takes the place of a volume of the template with the same name. */
function volumesOf(set: StatefulSet, ordinal: number, own: readonly Volume[]): readonly Volume[] {
  const claims = (set.spec?.volumeClaimTemplates ?? []).map(({ metadata }): Volume => {
    const name = metadata.name ?? ''
    return { name, persistentVolumeClaim: { claimName: claimName(set, name, ordinal) } }
  })
  return [...claims, ...own.filter(({ name }) => !claims.some(claim => claim.name === name))]
}
