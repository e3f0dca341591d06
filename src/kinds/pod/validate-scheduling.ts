import type {
  Affinity,
  NodeSelector,
  NodeSelectorTerm,
  Toleration,
  TopologySpreadConstraint,
} from '../../kube/generated/types.ts'
import { labelKeyProblems, labelValueProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { validateLabelSelector } from '../validation/labels.ts'
import type { Problems } from '../validation/problems.ts'

/** kubernetes `ValidateTolerations`. */
export function validateTolerations(
  tolerations: readonly Draft<Toleration>[],
  path: string,
  problems: Problems,
): void {
  tolerations.forEach(({ key = '', operator, value = '', effect, tolerationSeconds }, index) => {
    const at = `${path}[${index}]`
    if (key !== '') problems.invalidEach(`${at}.key`, key, labelKeyProblems(key))
    else if (operator !== 'Exists') {
      problems.invalid(
        `${at}.operator`,
        operator ?? '',
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      )
    }
    if (tolerationSeconds !== undefined && effect !== 'NoExecute')
      problems.invalid(
        `${at}.effect`,
        effect ?? '',
        "effect must be 'NoExecute' when `tolerationSeconds` is set",
      )
    if (operator === 'Exists') {
      if (value !== '')
        problems.invalid(
          `${at}.operator`,
          { operator, value },
          "value must be empty when `operator` is 'Exists'",
        )
    } else problems.invalidEach(`${at}.operator`, value, labelValueProblems(value))
  })
}

/** kubernetes `validateAffinity`: node selectors, weights, topology keys. */
export function validateAffinity(
  affinity: Draft<Affinity> | undefined,
  path: string,
  problems: Problems,
): void {
  const node = affinity?.nodeAffinity
  const required = node?.requiredDuringSchedulingIgnoredDuringExecution
  if (required !== undefined)
    validateNodeSelector(
      required,
      `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`,
      problems,
    )
  node?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ weight, preference }, index) => {
    const at = `${path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${index}]`
    validateWeight(weight, at, problems)
    if (preference !== undefined) validateNodeTerm(preference, `${at}.preference`, problems)
  })
  for (const field of ['podAffinity', 'podAntiAffinity'] as const) {
    const rules = affinity?.[field]
    rules?.requiredDuringSchedulingIgnoredDuringExecution?.forEach((term, index) => {
      validatePodTerm(
        term,
        `${path}.${field}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`,
        problems,
      )
    })
    rules?.preferredDuringSchedulingIgnoredDuringExecution?.forEach(({ weight, podAffinityTerm }, index) => {
      const at = `${path}.${field}.preferredDuringSchedulingIgnoredDuringExecution[${index}]`
      validateWeight(weight, at, problems)
      if (podAffinityTerm !== undefined) validatePodTerm(podAffinityTerm, `${at}.podAffinityTerm`, problems)
    })
  }
}

/** kubernetes `ValidateNodeSelector`: what pods and volumes ask of a node. */
export function validateNodeSelector(
  { nodeSelectorTerms }: Draft<NodeSelector>,
  path: string,
  problems: Problems,
): void {
  const at = `${path}.nodeSelectorTerms`
  if (nodeSelectorTerms?.length === 0) problems.required(at, 'must have at least one node selector term')
  nodeSelectorTerms?.forEach((term, index) => {
    validateNodeTerm(term, `${at}[${index}]`, problems)
  })
}

/** kubernetes `validateTopologySpreadConstraints`. */
export function validateSpreading(
  constraints: readonly Draft<TopologySpreadConstraint>[],
  path: string,
  problems: Problems,
): void {
  const supported = ['DoNotSchedule', 'ScheduleAnyway']
  const seen = new Set<string>()
  constraints.forEach(
    ({ maxSkew, topologyKey = '', whenUnsatisfiable = '', labelSelector, minDomains }, index) => {
      const at = `${path}[${index}]`
      if (maxSkew !== undefined && maxSkew <= 0)
        problems.invalid(`${at}.maxSkew`, maxSkew, 'must be greater than zero')
      if (topologyKey === '') problems.required(`${at}.topologyKey`, 'can not be empty')
      else problems.invalidEach(`${at}.topologyKey`, topologyKey, labelKeyProblems(topologyKey))
      if (!supported.includes(whenUnsatisfiable))
        problems.notSupported(`${at}.whenUnsatisfiable`, whenUnsatisfiable, supported)
      const identity = `{${topologyKey}, ${whenUnsatisfiable}}`
      if (seen.has(identity)) problems.duplicate(`${at}.{topologyKey, whenUnsatisfiable}`, identity)
      seen.add(identity)
      if (minDomains !== undefined && minDomains <= 0)
        problems.invalid(`${at}.minDomains`, minDomains, 'must be greater than zero')
      validateLabelSelector(labelSelector, `${at}.labelSelector`, problems)
    },
  )
}

function validateNodeTerm(term: Draft<NodeSelectorTerm>, path: string, problems: Problems): void {
  for (const field of ['matchExpressions', 'matchFields'] as const) {
    term[field]?.forEach(({ key = '', operator = '', values = [] }, index) => {
      const at = `${path}.${field}[${index}]`
      const problem = valuesProblem(operator, values)
      if (problem === undefined) problems.invalid(`${at}.operator`, operator, 'not a valid selector operator')
      else if (problem !== '') problems.required(`${at}.values`, problem)
      if (field === 'matchExpressions') problems.invalidEach(`${at}.key`, key, labelKeyProblems(key))
      else if (key !== 'metadata.name') problems.invalid(`${at}.key`, key, 'not a valid field selector key')
    })
  }
}

/** Empty when the values fit the operator; undefined when there is no such operator. */
function valuesProblem(operator: string, values: readonly string[]): string | undefined {
  switch (operator) {
    case 'In':
    case 'NotIn':
      return values.length > 0 ? '' : "must be specified when `operator` is 'In' or 'NotIn'"
    case 'Exists':
    case 'DoesNotExist':
      return values.length === 0 ? '' : "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
    case 'Gt':
    case 'Lt':
      return values.length === 1 ? '' : "must be specified single value when `operator` is 'Lt' or 'Gt'"
    default:
      return undefined
  }
}

function validateWeight(weight: number | undefined, path: string, problems: Problems): void {
  if (weight !== undefined && (weight <= 0 || weight > 100))
    problems.invalid(`${path}.weight`, weight, 'must be in the range 1-100')
}

type PodTerm = NonNullable<
  NonNullable<Draft<Affinity>['podAffinity']>['requiredDuringSchedulingIgnoredDuringExecution']
>[number]

function validatePodTerm(
  { topologyKey, labelSelector, namespaceSelector }: PodTerm,
  path: string,
  problems: Problems,
): void {
  if (topologyKey === '') problems.required(`${path}.topologyKey`, 'can not be empty')
  else if (topologyKey !== undefined)
    problems.invalidEach(`${path}.topologyKey`, topologyKey, labelKeyProblems(topologyKey))
  validateLabelSelector(labelSelector, `${path}.labelSelector`, problems)
  validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`, problems)
}
