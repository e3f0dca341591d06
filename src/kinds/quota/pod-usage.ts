import type { Container, Pod } from '../../kube/generated/types.ts'
import { parseQuantity, parseTime, podQuantities, type Quantity } from '../../kube/index.ts'
import { isExtended, isHugePages, mustBeSpecified } from './resource-names.ts'

type Amounts = ReadonlyMap<string, Quantity>

const LIMITED = ['cpu', 'memory', 'ephemeral-storage']
const ONE: Quantity = parseQuantity('1')

/** What a pod takes while it counts: itself, what it asks for and what it may have at most. Nothing once it has ended. */
export function podUsage(pod: Pod, nowMs: number): Amounts {
  if (nowMs > podCountsUntilMs(pod)) return new Map()
  return new Map([
    ['pods', ONE],
    ...computeNames(podQuantities(pod, 'requests'), podQuantities(pod, 'limits')),
  ])
}

/**
 * Until when a pod counts (kubernetes `QuotaV1Pod`): one that has ended does not; one that is being deleted counts for its grace period once
 * more, so that one on a lost host cannot keep its place for ever; the others count for ever.
 */
export function podCountsUntilMs({ metadata, status }: Pod): number {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return Number.NEGATIVE_INFINITY
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata
  const deletedMs = parseTime(deletionTimestamp)
  if (deletedMs === undefined || deletionGracePeriodSeconds === undefined) return Number.POSITIVE_INFINITY
  return deletedMs + deletionGracePeriodSeconds * 1000
}

/** The containers that say nothing of what is limited, by the name of what they should say; by name, as upstream orders both. */
export function unspecifiedAmounts(
  { spec }: Pod,
  limited: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
  const missing = new Map<string, readonly string[]>()
  for (const name of limited.filter(mustBeSpecified).sort()) {
    const silent = containers.filter(container => !specifiedNames(container).has(name))
    if (silent.length > 0) missing.set(name, [...new Set(silent.map(container => container.name))].sort())
  }
  return missing
}

function specifiedNames({ resources }: Container): ReadonlySet<string> {
  const read = (list: Readonly<Record<string, string>> = {}): Amounts =>
    new Map(Object.keys(list).map(name => [name, ONE]))
  return new Set([...computeNames(read(resources?.requests), read(resources?.limits))].map(([name]) => name))
}

/** Requests and limits by the names that quotas have for them. */
function* computeNames(requests: Amounts, limits: Amounts): Generator<readonly [string, Quantity]> {
  for (const name of LIMITED) {
    const request = requests.get(name)
    const limit = limits.get(name)
    if (request !== undefined) yield* [[name, request] as const, [`requests.${name}`, request] as const]
    if (limit !== undefined) yield [`limits.${name}`, limit]
  }
  for (const [name, request] of requests) {
    if (isHugePages(name)) yield [name, request]
    if (isHugePages(name) || isExtended(name)) yield [`requests.${name}`, request]
  }
}
