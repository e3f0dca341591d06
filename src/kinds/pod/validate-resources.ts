import type { ResourceRequirements } from '../../kube/generated/types.ts'
import {
  compareQuantities,
  formatQuantity,
  labelKeyProblems,
  parseQuantity,
  type Quantity,
  quantityProblem,
} from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from '../validation/problems.ts'

const STANDARD = ['cpu', 'ephemeral-storage', 'memory']

/** Requests and limits of a container: known names, no negative amounts, never more requested than allowed. */
export function validateResources(
  resources: Draft<ResourceRequirements> | undefined,
  path: string,
  problems: Problems,
): void {
  if (resources === undefined) return
  const limits = readAmounts(resources.limits, `${path}.limits`, problems)
  const requests = readAmounts(resources.requests, `${path}.requests`, problems)
  for (const [name, request] of requests) {
    const limit = limits.get(name)
    if (limit === undefined || compareQuantities(request, limit) <= 0) continue
    problems.invalid(
      `${path}.requests`,
      formatQuantity(request),
      `must be less than or equal to ${name} limit of ${formatQuantity(limit)}`,
    )
  }
}

/** Amounts that cannot be read are left to the check of types. */
function readAmounts(
  amounts: { readonly [name: string]: string | undefined } | undefined,
  path: string,
  problems: Problems,
): ReadonlyMap<string, Quantity> {
  const result = new Map<string, Quantity>()
  for (const [name, text] of Object.entries(amounts ?? {})) {
    validateResourceName(name, `${path}[${name}]`, problems)
    if (text === undefined || quantityProblem(text) !== undefined) continue
    const amount = parseQuantity(text)
    if (amount.nano < 0n)
      problems.invalid(`${path}[${name}]`, formatQuantity(amount), 'must be greater than or equal to 0')
    result.set(name, amount)
  }
  return result
}

function validateResourceName(name: string, path: string, problems: Problems): void {
  problems.invalidEach(path, name, labelKeyProblems(name))
  if (name.includes('/') || STANDARD.includes(name) || name.startsWith('hugepages-')) return
  problems.invalid(path, name, 'must be a standard resource type or fully qualified')
  problems.invalid(path, name, 'must be a standard resource for containers')
}
