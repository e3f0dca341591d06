import type {
  CrossVersionObjectReference,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
} from '../../kube/generated/types.ts'
import { nameProblems, parseQuantity, quantityProblem } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from './problems.ts'

const MAX_PERIOD_SECONDS = 1800
const MAX_WINDOW_SECONDS = 3600
/** The field of each type of metric. */
const FIELDS = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const

/** kubernetes `ValidateHorizontalPodAutoscaler`. */
export function validateAutoscaler({ spec }: Draft<HorizontalPodAutoscaler>, problems: Problems): void {
  if (spec === undefined) return problems.required('spec')
  const { minReplicas = 1, maxReplicas = 0, metrics = [], behavior } = spec
  if (minReplicas < 1) problems.invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1')
  if (maxReplicas < 1) problems.invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0')
  if (maxReplicas < minReplicas)
    problems.invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`')
  validateReference(spec.scaleTargetRef, 'spec.scaleTargetRef', problems)
  metrics.forEach((metric, index) => {
    validateMetric(metric, `spec.metrics[${index}]`, problems)
  })
  validateRules(behavior?.scaleUp, 'spec.behavior.scaleUp', problems)
  validateRules(behavior?.scaleDown, 'spec.behavior.scaleDown', problems)
}

function validateReference(
  reference: Draft<CrossVersionObjectReference> | undefined,
  path: string,
  problems: Problems,
): void {
  for (const field of ['kind', 'name'] as const) {
    const value = reference?.[field] ?? ''
    if (value === '') problems.required(`${path}.${field}`)
    else problems.invalidEach(`${path}.${field}`, value, nameProblems('path-segment', value))
  }
}

function validateMetric(metric: Draft<MetricSpec>, path: string, problems: Problems): void {
  const type = metric.type as keyof typeof FIELDS | undefined
  const expected = type === undefined ? undefined : FIELDS[type]
  if (expected === undefined) return problems.required(`${path}.type`, 'must specify a metric source type')
  for (const field of Object.values(FIELDS))
    if (field !== expected && metric[field] !== undefined)
      problems.forbidden(`${path}.${field}`, 'must populate the given metric source only')
  const source = metric[expected]
  if (source === undefined)
    return problems.required(`${path}.${expected}`, `must populate information for the given metric source`)
  if ((expected === 'resource' || expected === 'containerResource') && !metric[expected]?.name)
    problems.required(`${path}.${expected}.name`, 'must specify a resource name')
  if (expected === 'containerResource' && !metric.containerResource?.container)
    problems.required(`${path}.${expected}.container`, 'must specify a container')
  if (expected === 'object')
    validateReference(metric.object?.describedObject, `${path}.object.describedObject`, problems)
  if (
    (expected === 'object' || expected === 'pods' || expected === 'external') &&
    !metric[expected]?.metric?.name
  )
    problems.required(`${path}.${expected}.metric.name`)
  validateTarget(expected, source.target, `${path}.${expected}.target`, problems)
}

function validateTarget(
  source: (typeof FIELDS)[keyof typeof FIELDS],
  target: Draft<MetricTarget> | undefined,
  path: string,
  problems: Problems,
): void {
  if (!target?.type) return problems.required(`${path}.type`, 'must specify a metric target type')
  const { averageUtilization, averageValue, value } = target
  if (averageUtilization !== undefined && averageUtilization < 1)
    problems.invalid(`${path}.averageUtilization`, averageUtilization, 'must be greater than 0')
  for (const field of ['value', 'averageValue'] as const) {
    const amount = target[field]
    if (amount !== undefined && quantityProblem(amount) === undefined && parseQuantity(amount).nano <= 0n)
      problems.invalid(`${path}.${field}`, amount, 'must be positive')
  }
  const isResource = source === 'resource' || source === 'containerResource'
  if (isResource) {
    if (averageUtilization === undefined && averageValue === undefined)
      problems.required(
        `${path}.averageUtilization`,
        'must set either a target raw value or a target utilization',
      )
    if (averageUtilization !== undefined && averageValue !== undefined)
      problems.forbidden(
        `${path}.averageValue`,
        'may not set both a target raw value and a target utilization',
      )
  } else if (source === 'pods') {
    if (averageValue === undefined)
      problems.required(`${path}.averageValue`, 'must specify a positive target averageValue')
  } else {
    if (value === undefined && averageValue === undefined)
      problems.required(
        `${path}.averageValue`,
        'must set either a target value for metric or a per-pod target',
      )
    if (source === 'external' && value !== undefined && averageValue !== undefined)
      problems.forbidden(`${path}.value`, 'may not set both a target value for metric and a per-pod target')
  }
}

function validateRules(rules: Draft<HPAScalingRules> | undefined, path: string, problems: Problems): void {
  if (rules === undefined) return
  const { stabilizationWindowSeconds: window, policies = [] } = rules
  if (window !== undefined && window < 0)
    problems.invalid(`${path}.stabilizationWindowSeconds`, window, 'must be greater than or equal to zero')
  if (window !== undefined && window > MAX_WINDOW_SECONDS)
    problems.invalid(
      `${path}.stabilizationWindowSeconds`,
      window,
      `must be less than or equal to ${MAX_WINDOW_SECONDS}`,
    )
  if (policies.length === 0) problems.required(`${path}.policies`, 'must specify at least one Policy')
  policies.forEach(({ value = 0, periodSeconds = 0 }, index) => {
    const at = `${path}.policies[${index}]`
    if (value <= 0) problems.invalid(`${at}.value`, value, 'must be greater than zero')
    if (periodSeconds <= 0)
      problems.invalid(`${at}.periodSeconds`, periodSeconds, 'must be greater than zero')
    if (periodSeconds > MAX_PERIOD_SECONDS)
      problems.invalid(
        `${at}.periodSeconds`,
        periodSeconds,
        `must be less than or equal to ${MAX_PERIOD_SECONDS}`,
      )
  })
}
