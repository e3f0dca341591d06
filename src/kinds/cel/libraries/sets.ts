import type { Costs } from '../costs.ts'
import { celEquals } from './equality.ts'
import { type Definitions, defineNamespace } from './library.ts'

/** Lists as sets (cel-go `ext/sets.go`). */
export function defineSets(definitions: Definitions): void {
  const { define, costs } = definitions
  const sets = defineNamespace(definitions, 'sets')
  define(`${sets}.contains(list<A>, list<A>): bool`, (_: unknown, whole: unknown[], part: unknown[]) =>
    holds(whole, part, costs),
  )
  define(
    `${sets}.equivalent(list<A>, list<A>): bool`,
    (_: unknown, a: unknown[], b: unknown[]) => holds(a, b, costs) && holds(b, a, costs),
  )
  define(`${sets}.intersects(list<A>, list<A>): bool`, (_: unknown, a: unknown[], b: unknown[]) =>
    b.some(item => includes(a, item, costs)),
  )
}

function holds(whole: readonly unknown[], part: readonly unknown[], costs: Costs): boolean {
  return part.every(item => includes(whole, item, costs))
}

/** Each item is compared with all others: the cost is the product. */
function includes(list: readonly unknown[], item: unknown, costs: Costs): boolean {
  costs.weighed(list)
  return list.some(one => celEquals(one, item))
}
