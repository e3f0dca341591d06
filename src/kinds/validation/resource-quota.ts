import { deepEqual } from '../../base/index.ts'
import type { ResourceQuota } from '../../kube/generated/types.ts'
import { labelKeyProblems, parseQuantity, quantityProblem } from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
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
  scopes.forEach(scope => {
    if (!SCOPES.includes(scope)) problems.invalid('spec.scopes', scopes, 'unsupported scope')
  })
  for (const pair of OPPOSITES)
    if (pair.every(scope => scopes.includes(scope)))
      problems.invalid('spec.scopes', scopes, 'conflicting scopes')
  scopeSelector?.matchExpressions?.forEach(({ scopeName = '', operator = '', values = [] }, index) => {
    const path = `spec.scopeSelector.matchExpressions[${index}]`
    if (scopeName !== '' && !SCOPES.includes(scopeName))
      problems.invalid(`${path}.scopeName`, scopeName, 'unsupported scope')
    if (['In', 'NotIn'].includes(operator) && values.length === 0)
      problems.required(
        `${path}.values`,
        "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
      )
    if (['Exists', 'DoesNotExist'].includes(operator) && values.length > 0)
      problems.invalid(
        `${path}.values`,
        values,
        "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
      )
  })
  if (old !== undefined && !deepEqual([...scopes].sort(), [...(old.spec?.scopes ?? [])].sort()))
    problems.invalid('spec.scopes', scopes, 'field is immutable')
}

function validateAmounts(
  amounts: { readonly [resource: string]: string | undefined } | undefined,
  path: string,
  problems: Problems,
): void {
  for (const [resource, amount = ''] of Object.entries(amounts ?? {})) {
    problems.invalidEach(`${path}[${resource}]`, resource, labelKeyProblems(resource))
    if (quantityProblem(amount) === undefined && parseQuantity(amount).nano < 0n)
      problems.invalid(`${path}[${resource}]`, amount, 'must be greater than or equal to 0')
  }
}
