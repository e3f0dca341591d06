import { deepEqual } from '../../base/index.ts'
import type {
  MatchCondition,
  MatchResources,
  MutatingWebhook,
  RuleWithOperations,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicySpec,
  Validation,
  WebhookClientConfig,
} from '../../kube/generated/types.ts'
import { dnsSubdomainProblems, labelKeyProblems } from '../../kube/index.ts'
import { CompiledPolicy } from '../cel/admission/policy.ts'
import type { Draft } from '../definitions/definition.ts'
import { validateLabelSelector } from './labels.ts'
import type { Problems } from './problems.ts'

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const SCOPES = ['*', 'Cluster', 'Namespaced']
const REVIEW_VERSIONS = ['v1', 'v1beta1']
const SIDE_EFFECTS = ['None', 'NoneOnDryRun']
/** What a validation may refuse with (upstream `supportedValidationPolicyReason`). */
const REASONS = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized']
const ACTIONS = ['Audit', 'Deny', 'Warn']
const MAX_MATCH_CONDITIONS = 64
const MAX_TIMEOUT_SECONDS = 30

/** kubernetes `ValidateMutatingWebhookConfiguration` and `ValidateValidatingWebhookConfiguration`. */
export function validateWebhooks(
  webhooks: readonly Draft<Omit<MutatingWebhook, 'reinvocationPolicy'>>[],
  problems: Problems,
): void {
  const names = new Set<string>()
  webhooks.forEach((webhook, index) => {
    const path = `webhooks[${index}]`
    const { name = '', admissionReviewVersions = [], sideEffects, timeoutSeconds = 10 } = webhook
    problems.invalidEach(`${path}.name`, name, dnsSubdomainProblems(name))
    if (name.split('.').length < 3)
      problems.invalid(
        `${path}.name`,
        name,
        'should be a domain with at least three segments separated by dots',
      )
    if (names.has(name)) problems.duplicate(`${path}.name`, name)
    names.add(name)
    if (admissionReviewVersions.length === 0)
      problems.required(
        `${path}.admissionReviewVersions`,
        `must specify one of ${REVIEW_VERSIONS.join(', ')}`,
      )
    else if (!admissionReviewVersions.some(version => REVIEW_VERSIONS.includes(version)))
      problems.invalid(
        `${path}.admissionReviewVersions`,
        admissionReviewVersions,
        `must include at least one of ${REVIEW_VERSIONS.join(', ')}`,
      )
    if (sideEffects !== undefined && !SIDE_EFFECTS.includes(sideEffects))
      problems.notSupported(`${path}.sideEffects`, sideEffects, SIDE_EFFECTS)
    if (timeoutSeconds < 1 || timeoutSeconds > MAX_TIMEOUT_SECONDS)
      problems.invalid(
        `${path}.timeoutSeconds`,
        timeoutSeconds,
        `the timeout value must be between 1 and ${MAX_TIMEOUT_SECONDS} seconds`,
      )
    webhook.rules?.forEach((rule, number) => {
      validateRule(rule, `${path}.rules[${number}]`, problems)
    })
    validateLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`, problems)
    validateLabelSelector(webhook.objectSelector, `${path}.objectSelector`, problems)
    validateClient(webhook.clientConfig ?? {}, `${path}.clientConfig`, problems)
    validateConditions(webhook.matchConditions ?? [], `${path}.matchConditions`, problems)
  })
}

/** kubernetes `ValidateValidatingAdmissionPolicy`. The expressions of a spec that stays as it is are not compiled again. */
export function validatePolicy(
  { metadata, spec }: Draft<ValidatingAdmissionPolicy>,
  problems: Problems,
  old: ValidatingAdmissionPolicy | undefined,
): void {
  if (spec === undefined) return problems.required('spec')
  const { paramKind, matchConstraints, validations = [], auditAnnotations = [], variables = [] } = spec
  if (paramKind !== undefined)
    for (const field of ['apiVersion', 'kind'] as const)
      if (!paramKind[field]) problems.required(`spec.paramKind.${field}`)
  if (matchConstraints === undefined) problems.required('spec.matchConstraints')
  else {
    validateMatch(matchConstraints, 'spec.matchConstraints', problems)
    if ((matchConstraints.resourceRules ?? []).length === 0)
      problems.required('spec.matchConstraints.resourceRules')
  }
  validateConditions(spec.matchConditions ?? [], 'spec.matchConditions', problems)
  if (validations.length === 0 && auditAnnotations.length === 0)
    problems.required('spec.validations', 'validations or auditAnnotations must contain at least one item')
  validations.forEach((validation, index) => {
    validateValidation(validation, `spec.validations[${index}]`, problems)
  })
  const name = metadata?.name ?? ''
  const keys = new Set<string>()
  auditAnnotations.forEach(({ key = '', valueExpression = '' }, index) => {
    const path = `spec.auditAnnotations[${index}]`
    if (keys.has(key)) problems.duplicate(`${path}.key`, key)
    keys.add(key)
    problems.invalidEach(`${path}.key`, key, labelKeyProblems(name === '' ? key : `${name}/${key}`))
    if (valueExpression.trim() === '')
      problems.required(`${path}.valueExpression`, 'valueExpression is not specified')
  })
  const names = new Set<string>()
  variables.forEach(({ name = '', expression = '' }, index) => {
    const path = `spec.variables[${index}]`
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      problems.invalid(`${path}.name`, name, 'name is not a valid CEL identifier')
    if (names.has(name)) problems.duplicate(`${path}.name`, name)
    names.add(name)
    if (expression.trim() === '') problems.required(`${path}.expression`, 'expression is not specified')
  })
  if (problems.list.length > 0 || (old !== undefined && deepEqual(old.spec, spec))) return
  for (const { path, value, detail } of new CompiledPolicy(spec as ValidatingAdmissionPolicySpec).problems)
    problems.invalid(path, value, detail)
}

function validateValidation(
  { expression = '', message, messageExpression, reason }: Draft<Validation>,
  path: string,
  problems: Problems,
): void {
  if (expression.trim() === '') problems.required(`${path}.expression`, 'expression is not specified')
  if (message?.includes('\n'))
    problems.invalid(`${path}.message`, message, 'message must not contain line breaks')
  if (message && message.trim() === '')
    problems.invalid(`${path}.message`, message, 'message must be non-empty if specified')
  if (messageExpression && messageExpression.trim() === '')
    problems.invalid(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified')
  if (reason !== undefined && !REASONS.includes(reason))
    problems.notSupported(`${path}.reason`, reason, REASONS)
}

/** kubernetes `ValidateValidatingAdmissionPolicyBinding`. */
export function validatePolicyBinding(
  { spec }: Draft<ValidatingAdmissionPolicyBinding>,
  problems: Problems,
): void {
  const { policyName = '', paramRef, matchResources, validationActions = [] } = spec ?? {}
  if (policyName === '') problems.required('spec.policyName')
  else problems.invalidEach('spec.policyName', policyName, dnsSubdomainProblems(policyName))
  if (paramRef !== undefined) {
    const { name = '', selector, parameterNotFoundAction } = paramRef
    if (name !== '' && selector !== undefined)
      problems.forbidden('spec.paramRef.name', 'name and selector are mutually exclusive')
    if (name === '' && selector === undefined)
      problems.required('spec.paramRef', 'one of name or selector must be specified')
    if (!parameterNotFoundAction) problems.required('spec.paramRef.parameterNotFoundAction')
  }
  if (matchResources !== undefined) validateMatch(matchResources, 'spec.matchResources', problems)
  if (validationActions.length === 0)
    problems.required('spec.validationActions', 'at least one validation action is required')
  validationActions.forEach((action, index) => {
    const path = `spec.validationActions[${index}]`
    if (!ACTIONS.includes(action)) problems.notSupported(path, action, ACTIONS)
    if (validationActions.indexOf(action) < index) problems.duplicate(path, action)
  })
  if (validationActions.includes('Deny') && validationActions.includes('Warn'))
    problems.invalid(
      'spec.validationActions',
      validationActions,
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    )
}

function validateMatch(match: Draft<MatchResources>, path: string, problems: Problems): void {
  validateLabelSelector(match.namespaceSelector, `${path}.namespaceSelector`, problems)
  validateLabelSelector(match.objectSelector, `${path}.objectSelector`, problems)
  for (const list of ['resourceRules', 'excludeResourceRules'] as const)
    match[list]?.forEach((rule, index) => {
      validateRule(rule, `${path}.${list}[${index}]`, problems)
    })
}

function validateRule(rule: Draft<RuleWithOperations>, path: string, problems: Problems): void {
  const { operations = [], resources = [], scope = '*' } = rule
  for (const field of ['apiGroups', 'apiVersions', 'resources', 'operations'] as const) {
    const words = rule[field] ?? []
    if (words.length === 0) problems.required(`${path}.${field}`)
    if (words.length > 1 && words.includes('*'))
      problems.invalid(`${path}.${field}`, words, `if '*' is present, must not specify other ${WORDS[field]}`)
  }
  operations.forEach((operation, index) => {
    if (!OPERATIONS.includes(operation))
      problems.notSupported(`${path}.operations[${index}]`, operation, OPERATIONS)
  })
  resources.forEach((resource, index) => {
    if (resource === '') problems.required(`${path}.resources[${index}]`)
  })
  if (!SCOPES.includes(scope)) problems.notSupported(`${path}.scope`, scope, SCOPES)
}

const WORDS = {
  apiGroups: 'API groups',
  apiVersions: 'API versions',
  operations: 'operations',
  resources: 'resources',
}

function validateClient(
  { url, service }: Draft<WebhookClientConfig>,
  path: string,
  problems: Problems,
): void {
  if ((url === undefined) === (service === undefined)) {
    problems.required(path, 'exactly one of url or service is required')
    return
  }
  if (url !== undefined && !/^https:\/\/[^/@?#]+(\/[^@?#]*)?$/.test(url))
    problems.invalid(
      `${path}.url`,
      url,
      "'https' is the only allowed URL scheme; desired format: https://host[/path]",
    )
  if (service === undefined) return
  if (!service.name) problems.required(`${path}.service.name`, 'service name is required')
  if (!service.namespace) problems.required(`${path}.service.namespace`, 'service namespace is required')
  if ((service.port ?? 443) < 1 || (service.port ?? 443) > 65_535)
    problems.invalid(
      `${path}.service.port`,
      service.port,
      'port is not valid: must be between 1 and 65535, inclusive',
    )
  if (service.path !== undefined && !service.path.startsWith('/'))
    problems.invalid(`${path}.service.path`, service.path, "must start with a '/'")
}

function validateConditions(
  conditions: readonly Draft<MatchCondition>[],
  path: string,
  problems: Problems,
): void {
  if (conditions.length > MAX_MATCH_CONDITIONS)
    problems.tooMany(path, conditions.length, MAX_MATCH_CONDITIONS)
  const names = new Set<string>()
  conditions.forEach(({ name = '', expression = '' }, index) => {
    problems.invalidEach(`${path}[${index}].name`, name, labelKeyProblems(name))
    if (names.has(name)) problems.duplicate(`${path}[${index}].name`, name)
    names.add(name)
    if (expression.trim() === '') problems.required(`${path}[${index}].expression`)
  })
}
