import { deepEqual } from '../../base/index.ts'
import type { Deployment, DeploymentSpec, PodTemplateSpec, ReplicaSet } from '../../kube/generated/types.ts'
import { type LabelSelectorObject, labelSelectorFromObject, matchesLabels } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { validatePodSpec } from '../pod/validate-spec.ts'
import { validateLabelSelector, validateLabels } from './labels.ts'
import type { Problems } from './problems.ts'

const NEGATIVE = 'must be greater than or equal to 0'

/** kubernetes `ValidateDeployment` and `ValidateDeploymentUpdate`. */
export function validateDeployment(
  object: Draft<Deployment>,
  problems: Problems,
  old: Deployment | undefined,
): void {
  const { spec } = object
  if (spec === undefined) {
    problems.required('spec')
    return
  }
  validateReplicas(spec.replicas, problems)
  validateTemplateAndSelector(spec, problems, DEPLOYMENT, old?.spec)
  validateKeptSelector(spec, old?.spec, problems)
  validateStrategy(spec, problems)
  const { minReadySeconds = 0, progressDeadlineSeconds } = spec
  nonNegative('spec.minReadySeconds', spec.minReadySeconds, problems)
  nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit, problems)
  nonNegative('spec.progressDeadlineSeconds', progressDeadlineSeconds, problems)
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds)
    problems.invalid(
      'spec.progressDeadlineSeconds',
      progressDeadlineSeconds,
      'must be greater than minReadySeconds',
    )
}

/** kubernetes `ValidateReplicaSet` and `ValidateReplicaSetUpdate`. */
export function validateReplicaSet(
  object: Draft<ReplicaSet>,
  problems: Problems,
  old: ReplicaSet | undefined,
): void {
  const { spec } = object
  if (spec === undefined) {
    problems.required('spec')
    return
  }
  validateReplicas(spec.replicas, problems)
  nonNegative('spec.minReadySeconds', spec.minReadySeconds, problems)
  validateTemplateAndSelector(spec, problems, DEPLOYMENT, old?.spec)
  validateKeptSelector(spec, old?.spec, problems)
}

/** `spec.replicas` of any workload. */
export function validateReplicas(replicas: number | undefined, problems: Problems): void {
  nonNegative('spec.replicas', replicas, problems)
}

/** A number that may be absent, and may be zero. */
export function nonNegative(path: string, value: number | undefined, problems: Problems): void {
  if (value !== undefined && value < 0) problems.invalid(path, value, NEGATIVE)
}

interface WorkloadSpec {
  readonly selector?: Draft<LabelSelectorObject> | undefined
  readonly template?: Draft<PodTemplateSpec> | undefined
}

/** In which a kind of workload differs from the others. */
interface WorkloadRules {
  readonly emptySelector: string
  readonly noDeadline: string
  /** Volumes that its pods have beyond those of the template. */
  readonly claimed: readonly string[]
}

/** ReplicaSets use the words of Deployments. */
const DEPLOYMENT: WorkloadRules = {
  emptySelector: 'empty selector is invalid for deployment',
  noDeadline: 'activeDeadlineSeconds in ReplicaSet is not Supported',
  claimed: [],
}

/** The pods of a workload: a good template, and a selector that finds what is made of it. `old` is what is stored. */
export function validateTemplateAndSelector(
  { selector, template }: WorkloadSpec,
  problems: Problems,
  rules: WorkloadRules,
  old?: { readonly selector?: unknown; readonly template?: unknown },
): void {
  // The very ones that are stored were found good then.
  if (template !== undefined && template === old?.template && selector === old?.selector) return
  if (selector !== undefined) validateSelector(selector, rules, problems)
  if (template !== undefined) validateTemplate(template, rules, problems)
  if (selector !== undefined && template !== undefined && !selects(selector, template)) {
    problems.invalid(
      'spec.template.metadata.labels',
      template.metadata?.labels,
      '`selector` does not match template `labels`',
    )
  }
}

function validateKeptSelector(
  { selector }: WorkloadSpec,
  old: { readonly selector: LabelSelectorObject } | undefined,
  problems: Problems,
): void {
  if (old !== undefined && !deepEqual(selector, old.selector))
    problems.invalid('spec.selector', selector, 'field is immutable')
}

function validateSelector(
  selector: Draft<LabelSelectorObject>,
  { emptySelector }: WorkloadRules,
  problems: Problems,
): void {
  validateLabelSelector(selector as Parameters<typeof validateLabelSelector>[0], 'spec.selector', problems)
  const requirements =
    Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions?.length ?? 0)
  if (requirements === 0) problems.invalid('spec.selector', selector, emptySelector)
}

/** A selector that is itself wrong has been reported already. */
function selects(selector: Draft<LabelSelectorObject>, template: Draft<PodTemplateSpec>): boolean {
  try {
    const labels = template.metadata?.labels as { readonly [key: string]: string } | undefined
    return matchesLabels(labelSelectorFromObject(selector as LabelSelectorObject), labels)
  } catch {
    return true
  }
}

function validateTemplate(
  template: Draft<PodTemplateSpec>,
  { noDeadline, claimed }: WorkloadRules,
  problems: Problems,
): void {
  const path = 'spec.template.spec'
  validateLabels(template.metadata?.labels, 'spec.template.metadata.labels', problems)
  const { spec } = template
  if (spec === undefined) {
    problems.required(`${path}.containers`)
    return
  }
  validatePodSpec(spec, path, problems, claimed)
  if (spec.restartPolicy !== undefined && spec.restartPolicy !== 'Always')
    problems.notSupported(`${path}.restartPolicy`, spec.restartPolicy, ['Always'])
  if (spec.activeDeadlineSeconds !== undefined)
    problems.forbidden(`${path}.activeDeadlineSeconds`, noDeadline)
  if (spec.ephemeralContainers !== undefined && spec.ephemeralContainers.length > 0)
    problems.forbidden(`${path}.ephemeralContainers`, 'ephemeral containers not allowed in pod template')
}

function validateStrategy({ strategy }: Draft<DeploymentSpec>, problems: Problems): void {
  const path = 'spec.strategy'
  if (strategy?.type === 'Recreate' && strategy.rollingUpdate !== undefined) {
    problems.forbidden(`${path}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")
  }
  if (strategy?.type !== 'RollingUpdate') return
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy.rollingUpdate ?? {}
  validateIntOrPercent(maxUnavailable, `${path}.rollingUpdate.maxUnavailable`, problems)
  validateIntOrPercent(maxSurge, `${path}.rollingUpdate.maxSurge`, problems)
  if (isZeroAmount(maxUnavailable) && isZeroAmount(maxSurge))
    problems.invalid(
      `${path}.rollingUpdate.maxUnavailable`,
      maxUnavailable,
      'may not be 0 when `maxSurge` is 0',
    )
  validateUpTo100Percent(maxUnavailable, `${path}.rollingUpdate.maxUnavailable`, problems)
}

/** A share that is more than all. */
export function validateUpTo100Percent(value: number | string, path: string, problems: Problems): void {
  if (typeof value === 'string' && /^\d+%$/.test(value) && Number.parseInt(value, 10) > 100)
    problems.invalid(path, value, 'must not be greater than 100%')
}

/** A number of pods, or a share of them. */
export function validateIntOrPercent(value: number | string, path: string, problems: Problems): void {
  if (typeof value === 'number') return nonNegative(path, value, problems)
  if (!/^[0-9]+%$/.test(value)) {
    problems.invalid(
      path,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    )
  }
}

/** Whether a number or share of pods is none of them. */
export function isZeroAmount(value: number | string): boolean {
  return value === 0 || (typeof value === 'string' && /^0+%$/.test(value))
}
