import type {
  Container,
  LimitRange,
  LimitRangeItem,
  Pod,
  PodSpec,
  ResourceRequirements,
} from '../../kube/generated/types.ts'
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  quantityToNumber,
} from '../../kube/index.ts'
import { podQosClass } from './qos.ts'

type Amounts = { readonly [resource: string]: string }

/** The annotation that says which requests and limits come from a LimitRange. */
const ANNOTATION = 'kubernetes.io/limit-ranger'

/**
 * The pod with the requests and limits that its namespace's LimitRanges give to containers that say nothing, and with the class that follows
 * from them (kubernetes `plugin/pkg/admission/limitranger`). The same pod when they give nothing.
 */
export function withDefaultLimits(pod: Pod, ranges: readonly LimitRange[]): Pod {
  const usual = ranges.flatMap(({ spec }) => spec?.limits ?? []).filter(({ type }) => type === 'Container')
  const limits: Amounts = Object.assign({}, ...usual.map(item => item.default).reverse())
  const requests: Amounts = Object.assign({}, ...usual.map(item => item.defaultRequest).reverse())
  if (pod.spec === undefined || Object.keys(limits).length + Object.keys(requests).length === 0) return pod
  const said: string[] = []
  const complete = (container: Container, what: string): Container => {
    const { resources = {} } = container
    const added = {
      requests: missing(requests, resources.requests),
      limits: missing(limits, resources.limits),
    }
    for (const [part, names] of Object.entries(added).map(
      ([part, of]) => [part, Object.keys(of).sort()] as const,
    ))
      if (names.length > 0)
        said.push(`${names.join(', ')} ${part.replace(/s$/, '')} for ${what} ${container.name}`)
    return { ...container, resources: withAmounts(resources, added) }
  }
  const containers = pod.spec.containers.map(container => complete(container, 'container'))
  const initContainers = pod.spec.initContainers?.map(container => complete(container, 'init container'))
  if (said.length === 0) return pod
  const spec: PodSpec = {
    ...pod.spec,
    containers,
    ...(initContainers === undefined ? {} : { initContainers }),
  }
  const annotations = {
    ...pod.metadata.annotations,
    [ANNOTATION]: `LimitRanger plugin set: ${said.join('; ')}`,
  }
  return {
    ...pod,
    metadata: { ...pod.metadata, annotations },
    spec,
    status: { ...pod.status, qosClass: podQosClass(spec as Parameters<typeof podQosClass>[0]) },
  }
}

function missing(usual: Amounts, own: Amounts | undefined): Amounts {
  return Object.fromEntries(Object.entries(usual).filter(([resource]) => own?.[resource] === undefined))
}

function withAmounts(
  resources: ResourceRequirements,
  added: { readonly requests: Amounts; readonly limits: Amounts },
): ResourceRequirements {
  const requests = { ...added.requests, ...resources.requests }
  const limits = { ...added.limits, ...resources.limits }
  return {
    ...resources,
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  }
}

/** What of a pod is outside of the LimitRanges of its namespace, in upstream's words. */
export function podLimitProblems(pod: Pod, ranges: readonly LimitRange[]): readonly string[] {
  const { containers = [], initContainers = [] } = pod.spec ?? {}
  return ranges
    .flatMap(({ spec }) => spec?.limits ?? [])
    .flatMap(item => {
      if (item.type === 'Container')
        return [...containers, ...initContainers].flatMap(({ resources }) =>
          itemProblems(item, resources?.requests ?? {}, resources?.limits ?? {}),
        )
      if (item.type !== 'Pod') return []
      return itemProblems(item, podTotal(pod, 'requests'), podTotal(pod, 'limits'))
    })
}

/** What of the size of a claim is outside of the LimitRanges of its namespace. */
export function claimLimitProblems(size: string, ranges: readonly LimitRange[]): readonly string[] {
  return ranges
    .flatMap(({ spec }) => spec?.limits ?? [])
    .filter(({ type }) => type === 'PersistentVolumeClaim')
    .flatMap(item => [
      ...(isLess(size, item.min?.storage)
        ? [`minimum storage usage per PersistentVolumeClaim is ${item.min?.storage}, but request is ${size}`]
        : []),
      ...(isLess(item.max?.storage, size)
        ? [`maximum storage usage per PersistentVolumeClaim is ${item.max?.storage}, but request is ${size}`]
        : []),
    ])
}

function itemProblems(item: LimitRangeItem, requests: Amounts, limits: Amounts): readonly string[] {
  const problems: string[] = []
  for (const [resource, least] of sorted(item.min)) {
    const what = `minimum ${resource} usage per ${item.type} is ${least}`
    const [request, limit] = [requests[resource], limits[resource]]
    if (request === undefined) problems.push(`${what}.  No request is specified`)
    else if (isLess(request, least)) problems.push(`${what}, but request is ${request}`)
    else if (isLess(limit, least)) problems.push(`${what}, but limit is ${limit}`)
  }
  for (const [resource, most] of sorted(item.max)) {
    const what = `maximum ${resource} usage per ${item.type} is ${most}`
    const [request, limit] = [requests[resource], limits[resource]]
    if (limit === undefined) problems.push(`${what}.  No limit is specified`)
    else if (isLess(most, limit)) problems.push(`${what}, but limit is ${limit}`)
    else if (isLess(most, request)) problems.push(`${what}, but request is ${request}`)
  }
  for (const [resource, most] of sorted(item.maxLimitRequestRatio)) {
    const what = `${resource} max limit to request ratio per ${item.type} is ${most}`
    const request = numberOf(requests[resource])
    const limit = numberOf(limits[resource])
    if (limit === 0) problems.push(`${what}, but no limit is specified or limit is 0`)
    else if (request === 0) problems.push(`${what}, but no request is specified or request is 0`)
    else if (limit / request > numberOf(most))
      problems.push(`${what}, but provided ratio is ${(limit / request).toFixed(6)}`)
  }
  return problems
}

/** What the containers of a pod come to: together, or the largest of those that run before them. */
function podTotal({ spec }: Pod, part: 'limits' | 'requests'): Amounts {
  const total = new Map<string, Quantity>()
  for (const { resources } of spec?.containers ?? [])
    for (const [resource, amount] of Object.entries(resources?.[part] ?? {})) {
      const before = total.get(resource)
      const own = parseQuantity(amount)
      total.set(resource, before === undefined ? own : addQuantities(before, own))
    }
  for (const { resources } of spec?.initContainers ?? [])
    for (const [resource, amount] of Object.entries(resources?.[part] ?? {})) {
      const before = total.get(resource)
      const own = parseQuantity(amount)
      if (before === undefined || compareQuantities(before, own) < 0) total.set(resource, own)
    }
  return Object.fromEntries([...total].map(([resource, quantity]) => [resource, formatQuantity(quantity)]))
}

function isLess(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && compareQuantities(parseQuantity(a), parseQuantity(b)) < 0
}

function numberOf(amount: string | undefined): number {
  return amount === undefined ? 0 : quantityToNumber(parseQuantity(amount))
}

function sorted(amounts: Amounts | undefined): readonly (readonly [string, string])[] {
  return Object.entries(amounts ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
}
