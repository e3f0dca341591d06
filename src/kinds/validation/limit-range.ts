import type { LimitRange, LimitRangeItem } from '../../kube/generated/types.ts'
import {
  compareQuantities,
  labelKeyProblems,
  parseQuantity,
  type Quantity,
  quantityProblem,
} from '../../kube/index.ts'
import type { Draft } from '../definitions/definition.ts'
import type { Problems } from './problems.ts'

const LISTS = ['default', 'defaultRequest', 'max', 'maxLimitRequestRatio', 'min'] as const
const STANDARD_TYPES: ReadonlySet<string> = new Set(['Container', 'PersistentVolumeClaim', 'Pod'])
const ONE = parseQuantity('1')

/** kubernetes `ValidateLimitRange`. */
export function validateLimitRange({ spec }: Draft<LimitRange>, problems: Problems): void {
  const types = new Set<string>()
  spec?.limits?.forEach((item, index) => {
    const path = `spec.limits[${index}]`
    const { type = '' } = item
    if (type !== '' && !STANDARD_TYPES.has(type) && !/^[^/]+\/.+$/.test(type))
      problems.invalid(`${path}.type`, type, 'must be a standard limit type or fully qualified')
    if (types.has(type)) problems.duplicate(`${path}.type`, type)
    types.add(type)
    validateItem(item, path, problems)
  })
}

function validateItem(item: Draft<LimitRangeItem>, path: string, problems: Problems): void {
  for (const list of LISTS)
    for (const resource of Object.keys(item[list] ?? {}))
      problems.invalidEach(`${path}.${list}[${resource}]`, resource, labelKeyProblems(resource))
  if (item.type === 'Pod') {
    if (Object.keys(item.default ?? {}).length > 0)
      problems.forbidden(`${path}.default`, "may not be specified when `type` is 'Pod'")
    if (Object.keys(item.defaultRequest ?? {}).length > 0)
      problems.forbidden(`${path}.defaultRequest`, "may not be specified when `type` is 'Pod'")
  }
  if (item.type === 'PersistentVolumeClaim' && !item.min?.storage && !item.max?.storage)
    problems.required(
      `${path}.limits`,
      'either minimum or maximum storage value is required, but neither was provided',
    )
  for (const resource of new Set(LISTS.flatMap(list => Object.keys(item[list] ?? {}))))
    validateResource(item, resource, path, problems)
}

/** The least is at most the usual request, that at most the usual limit, that at most the most. */
function validateResource(
  item: Draft<LimitRangeItem>,
  resource: string,
  path: string,
  problems: Problems,
): void {
  const order = ['min', 'defaultRequest', 'default', 'max'] as const
  const words = {
    min: 'min value',
    defaultRequest: 'default request value',
    default: 'default value',
    max: 'max value',
  }
  for (const [at, lower] of order.entries()) {
    const low = quantityOf(item[lower]?.[resource])
    if (low === undefined) continue
    for (const upper of order.slice(at + 1)) {
      const high = quantityOf(item[upper]?.[resource])
      if (high === undefined || compareQuantities(low, high) <= 0) continue
      const [smaller, larger] = [item[lower]?.[resource], item[upper]?.[resource]]
      problems.invalid(
        `${path}.${lower}[${resource}]`,
        smaller,
        `${words[lower]} ${smaller} is greater than ${words[upper]} ${larger}`,
      )
    }
  }
  const ratio = quantityOf(item.maxLimitRequestRatio?.[resource])
  if (ratio !== undefined && compareQuantities(ratio, ONE) < 0)
    problems.invalid(
      `${path}.maxLimitRequestRatio[${resource}]`,
      item.maxLimitRequestRatio?.[resource],
      `ratio ${item.maxLimitRequestRatio?.[resource]} is less than 1`,
    )
}

function quantityOf(text: string | undefined): Quantity | undefined {
  return text === undefined || quantityProblem(text) !== undefined ? undefined : parseQuantity(text)
}
