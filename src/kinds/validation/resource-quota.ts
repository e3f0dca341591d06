import { deepEqual } from '../../base/index.ts'
import type { ResourceQuota, ScopedResourceSelectorRequirement } from '../../kube/generated/types.ts'
import { labelKeyProblems, parseQuantity, quantityProblem } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import { isLimitedByScope, isStandardQuotaName, isWholeNumberName } from '../quota/resource-names.ts'
import type { Problems } from './problems.ts'

const SCOPES = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
]
/** Which exclude each other. */
const OPPOSITES = [
  ['BestEffort', 'NotBestEffort'],
  ['NotTerminating', 'Terminating'],
] as const
const NANO_PER_UNIT = 10n ** 9n

/** kubernetes `ValidateResourceQuota`, `ValidateResourceQuotaUpdate` and `ValidateResourceQuotaStatusUpdate`. */
export function validateResourceQuota(
  { spec, status }: Draft<ResourceQuota>,
  problems: Problems,
  old: ResourceQuota | undefined,
): void {
  validateAmounts(spec?.hard, 'spec.hard', problems)
  validateAmounts(status?.hard, 'status.hard', problems)
  validateAmounts(status?.used, 'status.used', problems)
  const { scopes = [], scopeSelector } = spec ?? {}
  const limited = Object.keys(spec?.hard ?? {}).sort()
  for (const scope of scopes) validateScope(scope, limited, ['spec.scopes', scopes, scopes], problems)
  validateOpposites(scopes, scopes, 'spec.scopes', problems)
  const requirements = scopeSelector?.matchExpressions ?? []
  requirements.forEach((requirement, index) => {
    const path = `spec.scopeSelector.matchExpressions[${index}]`
    const { scopeName = '' } = requirement
    validateScope(scopeName, limited, [`${path}.scopeName`, scopeName, scopeSelector], problems)
    validateOperator(requirement, path, problems)
  })
  const names = requirements.map(({ scopeName = '' }) => scopeName)
  validateOpposites(names, scopes, 'spec.scopeSelector.matchExpressions', problems)
  if (old !== undefined && !deepEqual([...scopes].sort(), [...(old.spec?.scopes ?? [])].sort()))
    problems.invalid('spec.scopes', scopes, 'field is immutable')
}

/** A scope is of pods: what else there is cannot be limited by it. */
function validateScope(
  scope: string,
  limited: readonly string[],
  [path, value, whole]: readonly [string, unknown, unknown],
  problems: Problems,
): void {
  if (!SCOPES.includes(scope)) return problems.invalid(path, value, 'unsupported scope')
  for (const name of limited)
    if (isStandardQuotaName(name) && !isLimitedByScope(scope, name))
      problems.invalid(path, whole, 'unsupported scope applied to resource')
}

function validateOpposites(
  scopes: readonly string[],
  value: unknown,
  path: string,
  problems: Problems,
): void {
  for (const pair of OPPOSITES)
    if (pair.every(scope => scopes.includes(scope))) problems.invalid(path, value, 'conflicting scopes')
}

function validateOperator(
  { scopeName = '', operator, values = [] }: Draft<ScopedResourceSelectorRequirement>,
  path: string,
  problems: Problems,
): void {
  // That there must be one the schema says.
  if (operator === undefined) return
  if (scopeName !== 'PriorityClass' && SCOPES.includes(scopeName) && operator !== 'Exists')
    problems.invalid(
      `${path}.operator`,
      operator,
      "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
    )
  if (['In', 'NotIn'].includes(operator)) {
    if (values.length === 0)
      problems.required(
        `${path}.values`,
        "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
      )
  } else if (['Exists', 'DoesNotExist'].includes(operator)) {
    if (values.length > 0)
      problems.invalid(
        `${path}.values`,
        values,
        "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
      )
  } else problems.invalid(`${path}.operator`, operator, 'not a valid selector operator')
}

function validateAmounts(
  amounts: { readonly [resource: string]: string | undefined } | undefined,
  path: string,
  problems: Problems,
): void {
  for (const [resource, amount = ''] of Object.entries(amounts ?? {})) {
    const place = `${path}[${resource}]`
    const nameProblems = labelKeyProblems(resource)
    problems.invalidEach(place, resource, nameProblems)
    if (nameProblems.length === 0 && !resource.includes('/') && !isStandardQuotaName(resource)) {
      problems.invalid(place, resource, 'must be a standard resource type or fully qualified')
      problems.invalid(place, resource, 'must be a standard resource for quota')
    }
    if (quantityProblem(amount) !== undefined) continue
    const { nano } = parseQuantity(amount)
    if (nano < 0n) problems.invalid(place, amount, 'must be greater than or equal to 0')
    if (isWholeNumberName(resource) && nano % NANO_PER_UNIT !== 0n)
      problems.invalid(place, amount, 'must be an integer')
  }
}
