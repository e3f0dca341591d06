import type {
  FlowSchema,
  FlowSubject,
  PolicyRulesWithSubjects,
  PriorityLevelConfiguration,
} from '../../kube/generated/types.ts'
import { dnsSubdomainProblems } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from './problems.ts'

const MAX_PRECEDENCE = 10_000
const MAX_QUEUES = 10_000_000

/** kubernetes `ValidateFlowSchema`. */
export function validateFlowSchema({ metadata, spec }: Draft<FlowSchema>, problems: Problems): void {
  const { matchingPrecedence = 0, priorityLevelConfiguration, rules = [] } = spec ?? {}
  if (matchingPrecedence <= 0)
    problems.invalid('spec.matchingPrecedence', matchingPrecedence, 'must be a positive value')
  if (matchingPrecedence > MAX_PRECEDENCE)
    problems.invalid(
      'spec.matchingPrecedence',
      matchingPrecedence,
      `must not be greater than ${MAX_PRECEDENCE}`,
    )
  if (matchingPrecedence === 1 && metadata?.name !== 'exempt')
    problems.invalid(
      'spec.matchingPrecedence',
      matchingPrecedence,
      "only the schema named 'exempt' may have matchingPrecedence 1",
    )
  const level = priorityLevelConfiguration?.name ?? ''
  if (level === '')
    problems.required('spec.priorityLevelConfiguration.name', 'must reference a priority level')
  else problems.invalidEach('spec.priorityLevelConfiguration.name', level, dnsSubdomainProblems(level))
  rules.forEach((rule, index) => {
    validateRule(rule, `spec.rules[${index}]`, problems)
  })
}

function validateRule(rule: Draft<PolicyRulesWithSubjects>, path: string, problems: Problems): void {
  const { subjects = [], resourceRules = [], nonResourceRules = [] } = rule
  if (subjects.length === 0) problems.required(`${path}.subjects`, 'subjects must contain at least one value')
  subjects.forEach((subject, index) => {
    validateSubject(subject, `${path}.subjects[${index}]`, problems)
  })
  if (resourceRules.length + nonResourceRules.length === 0)
    problems.required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty')
  resourceRules.forEach(
    ({ verbs = [], apiGroups = [], resources = [], namespaces = [], clusterScope = false }, index) => {
      const at = `${path}.resourceRules[${index}]`
      validateWords(verbs, `${at}.verbs`, 'verbs must contain at least one value', problems)
      validateWords(
        apiGroups,
        `${at}.apiGroups`,
        'resource rules must supply at least one api group',
        problems,
      )
      validateWords(
        resources,
        `${at}.resources`,
        'resource rules must supply at least one resource',
        problems,
      )
      if (namespaces.length === 0 && !clusterScope)
        problems.required(
          `${at}.namespaces`,
          'resource rules that are not cluster scoped must supply at least one namespace',
        )
    },
  )
  nonResourceRules.forEach(({ verbs = [], nonResourceURLs = [] }, index) => {
    const at = `${path}.nonResourceRules[${index}]`
    validateWords(verbs, `${at}.verbs`, 'verbs must contain at least one value', problems)
    validateWords(
      nonResourceURLs,
      `${at}.nonResourceURLs`,
      'nonResourceURLs must contain at least one value',
      problems,
    )
  })
}

/** A list that is not empty, and in which everything stands alone. */
function validateWords(words: readonly string[], path: string, empty: string, problems: Problems): void {
  if (words.length === 0) problems.required(path, empty)
  if (words.length > 1 && words.includes('*'))
    problems.invalid(path, words, "if '*' is present, must not specify other values")
}

function validateSubject(
  { kind: named, user, group, serviceAccount }: Draft<FlowSubject>,
  path: string,
  problems: Problems,
): void {
  const kind: string = named ?? ''
  const given: { readonly [kind: string]: { readonly name?: string | undefined } | undefined } = {
    User: user,
    Group: group,
    ServiceAccount: serviceAccount,
  }
  const fields: { readonly [kind: string]: string } = {
    User: 'user',
    Group: 'group',
    ServiceAccount: 'serviceAccount',
  }
  for (const [name, field] of Object.entries(fields)) {
    if (name === kind && given[name] === undefined)
      problems.required(`${path}.${field}`, `${field} is required when subject kind is '${kind}'`)
    if (name !== kind && given[name] !== undefined)
      problems.forbidden(`${path}.${field}`, `${field} is forbidden when subject kind is not '${name}'`)
  }
  const field = fields[kind]
  if (field !== undefined && given[kind] !== undefined && !given[kind]?.name)
    problems.required(`${path}.${field}.name`)
}

/** kubernetes `ValidatePriorityLevelConfiguration`. */
export function validatePriorityLevel(
  { metadata, spec }: Draft<PriorityLevelConfiguration>,
  problems: Problems,
): void {
  const { type, limited, exempt } = spec ?? {}
  if (metadata?.name === 'exempt' && type !== 'Exempt')
    problems.invalid('spec.type', type, "type must be 'Exempt' if and only if name is 'exempt'")
  if (type === 'Exempt' && limited !== undefined)
    problems.forbidden('spec.limited', 'must be nil if the type is not Limited')
  if (type === 'Limited' && exempt !== undefined)
    problems.forbidden('spec.exempt', 'must be nil if the type is Limited')
  if (type === 'Exempt' && exempt !== undefined) validateShares(exempt, 'spec.exempt', problems)
  if (type !== 'Limited') return
  if (limited === undefined)
    return problems.required('spec.limited', 'must not be empty when type is Limited')
  validateShares(limited, 'spec.limited', problems)
  if ((limited.borrowingLimitPercent ?? 0) < 0)
    problems.invalid(
      'spec.limited.borrowingLimitPercent',
      limited.borrowingLimitPercent,
      'if specified, must be a non-negative integer',
    )
  const { limitResponse } = limited
  const at = 'spec.limited.limitResponse'
  if (limitResponse?.type === undefined) return problems.required(`${at}.type`)
  if (limitResponse.type === 'Reject') {
    if (limitResponse.queuing !== undefined)
      problems.forbidden(`${at}.queuing`, 'must be nil if limited.limitResponse.type is not Limited')
    return
  }
  const { queuing } = limitResponse
  if (queuing === undefined)
    return problems.required(`${at}.queuing`, 'must not be empty if limited.limitResponse.type is Limited')
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing
  if (queueLengthLimit <= 0)
    problems.invalid(`${at}.queuing.queueLengthLimit`, queueLengthLimit, 'must be positive')
  if (queues <= 0) problems.invalid(`${at}.queuing.queues`, queues, 'must be positive')
  else if (queues > MAX_QUEUES)
    problems.invalid(`${at}.queuing.queues`, queues, `must not be greater than ${MAX_QUEUES}`)
  if (handSize <= 0) problems.invalid(`${at}.queuing.handSize`, handSize, 'must be positive')
  else if (handSize > queues)
    problems.invalid(`${at}.queuing.handSize`, handSize, `should not be greater than queues (${queues})`)
}

function validateShares(
  {
    nominalConcurrencyShares = 0,
    lendablePercent = 0,
  }: {
    readonly nominalConcurrencyShares?: number | undefined
    readonly lendablePercent?: number | undefined
  },
  path: string,
  problems: Problems,
): void {
  if (nominalConcurrencyShares < 0)
    problems.invalid(
      `${path}.nominalConcurrencyShares`,
      nominalConcurrencyShares,
      'must be a non-negative integer',
    )
  if (lendablePercent < 0 || lendablePercent > 100)
    problems.invalid(`${path}.lendablePercent`, lendablePercent, 'must be between 0 and 100, inclusive')
}
