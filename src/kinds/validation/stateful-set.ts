import { deepEqual } from '../../base/index.ts'
import type { StatefulSet, StatefulSetSpec, StatefulSetStatus } from '../../kube/generated/types.ts'
import { dnsLabelProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from './problems.ts'
import { nonNegative, validateReplicas, validateTemplateAndSelector } from './workload.ts'

/** What an update may change; all else names the pods and their volumes. */
const MUTABLE: ReadonlySet<string> = new Set<keyof StatefulSetSpec>([
  'minReadySeconds',
  'ordinals',
  'persistentVolumeClaimRetentionPolicy',
  'replicas',
  'template',
  'updateStrategy',
])
const IMMUTABLE =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"

/** kubernetes `ValidateStatefulSet`, `ValidateStatefulSetUpdate` and `ValidateStatefulSetStatusUpdate`. */
export function validateStatefulSet(
  { metadata, spec, status }: Draft<StatefulSet>,
  problems: Problems,
  old: StatefulSet | undefined,
): void {
  if (spec === undefined) return problems.required('spec')
  // Its pods have the name and a number for their hostname, which cannot have dots.
  const { name = '' } = metadata ?? {}
  if (old === undefined && name.includes('.'))
    problems.invalidEach('metadata.name', name, dnsLabelProblems(name))
  validateReplicas(spec.replicas, problems)
  nonNegative('spec.minReadySeconds', spec.minReadySeconds, problems)
  nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit, problems)
  nonNegative('spec.ordinals.start', spec.ordinals?.start, problems)
  validateStrategy(spec, problems)
  const rules = {
    emptySelector: 'empty selector is invalid for statefulset',
    noDeadline: 'activeDeadlineSeconds in StatefulSet is not Supported',
    claimed: (spec.volumeClaimTemplates ?? []).flatMap(({ metadata }) => metadata?.name ?? []),
  }
  validateTemplateAndSelector(spec, problems, rules, old?.spec)
  if (old?.spec !== undefined && !isKept(spec, old.spec)) problems.forbidden('spec', IMMUTABLE)
  if (status !== undefined && !deepEqual(status, old?.status)) validateStatus(status, old?.status, problems)
}

function validateStrategy({ updateStrategy }: Draft<StatefulSetSpec>, problems: Problems): void {
  const path = 'spec.updateStrategy.rollingUpdate'
  const { type, rollingUpdate } = updateStrategy ?? {}
  if (rollingUpdate === undefined) return
  if (type === 'OnDelete')
    problems.invalid(path, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'")
  else nonNegative(`${path}.partition`, rollingUpdate.partition, problems)
}

function isKept(spec: Draft<StatefulSetSpec>, old: StatefulSetSpec): boolean {
  const kept = (of: object): object =>
    Object.fromEntries(Object.entries(of).filter(([field]) => !MUTABLE.has(field)))
  return deepEqual(kept(spec), kept(old))
}

function validateStatus(
  status: Draft<StatefulSetStatus>,
  old: StatefulSetStatus | undefined,
  problems: Problems,
): void {
  const { replicas = 0, readyReplicas = 0, availableReplicas = 0, collisionCount = 0 } = status
  for (const field of [
    'replicas',
    'readyReplicas',
    'currentReplicas',
    'updatedReplicas',
    'availableReplicas',
    'observedGeneration',
    'collisionCount',
  ] as const)
    nonNegative(`status.${field}`, status[field], problems)
  for (const field of ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const) {
    const count = status[field] ?? 0
    if (count > replicas) problems.invalid(`status.${field}`, count, 'cannot be greater than status.replicas')
  }
  if (availableReplicas > readyReplicas)
    problems.invalid(
      'status.availableReplicas',
      availableReplicas,
      'cannot be greater than status.readyReplicas',
    )
  if (collisionCount < (old?.collisionCount ?? 0))
    problems.invalid('status.collisionCount', collisionCount, 'cannot be decremented')
}
