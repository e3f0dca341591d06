import type { Pod } from '../../kube/generated/types.ts'
import { addQuantities, compareQuantities, formatQuantity, type Quantity } from '../../kube/index.ts'
import { unspecifiedAmounts } from './pod-usage.ts'
import type { QuotaTerms } from './terms.ts'
import type { Usage } from './usage.ts'

/** Why a quota refuses a new pod that does not say what it takes, in upstream's words; undefined when it does not. */
export function unspecifiedProblem({ name, resources }: QuotaTerms, pod: Pod): string | undefined {
  const missing = unspecifiedAmounts(pod, resources.get('pods') ?? [])
  if (missing.size === 0) return undefined
  const parts = [...missing].map(([resource, containers]) => `${resource} for: ${containers.join(',')}`)
  return `failed quota: ${name}: must specify ${parts.join('; ')}`
}

/**
 * Why a quota refuses what is requested, in upstream's words; undefined when there is room. `used` is what objects of the same resource use,
 * by name and in order of names.
 */
export function excessProblem({ name, hard }: QuotaTerms, used: Usage, requested: Usage): string | undefined {
  const exceeded: { name: string; wanted: Quantity; before: Quantity; limit: Quantity }[] = []
  for (const [resource, before] of used) {
    const wanted = requested.get(resource)
    const limit = hard.get(resource)
    if (wanted === undefined || limit === undefined) continue
    if (compareQuantities(addQuantities(before, wanted), limit) > 0)
      exceeded.push({ name: resource, wanted, before, limit })
  }
  if (exceeded.length === 0) return undefined
  const list = (part: 'before' | 'limit' | 'wanted'): string =>
    exceeded.map(entry => `${entry.name}=${formatQuantity(entry[part])}`).join(',')
  return `exceeded quota: ${name}, requested: ${list('wanted')}, used: ${list('before')}, limited: ${list('limit')}`
}

/** What an object uses more than it did: what a write asks for. */
export function increaseOf(usage: Usage, before: Usage | undefined): Usage {
  const increase = new Map<string, Quantity>()
  for (const [name, { nano, format }] of usage) {
    const more = nano - (before?.get(name)?.nano ?? 0n)
    if (more > 0n) increase.set(name, { nano: more, format })
  }
  return increase
}
