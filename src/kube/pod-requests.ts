import type { Container, Pod } from './generated/types.ts'
import {
  addQuantities,
  compareQuantities,
  parseQuantity,
  type Quantity,
  quantityToMilli,
  quantityToNumber,
} from './quantity.ts'

/** Amounts by resource name: `cpu` in thousandths of a core, all others in their own unit (bytes, pieces). */
export type ResourceAmounts = ReadonlyMap<string, number>

/** Exact amounts by resource name. */
export type ResourceQuantities = ReadonlyMap<string, Quantity>

type Quantities = Readonly<Record<string, string | number>> | undefined

/** The amounts in a resource list such as `requests`, `limits` or a node's `allocatable`. */
export function resourceAmounts(list: Quantities): ResourceAmounts {
  return amountsOf(quantitiesOf(list))
}

/** What a pod asks a node for, as numbers: {@link podQuantities} of its requests. */
export function podRequests(pod: Pod): ResourceAmounts {
  return amountsOf(podQuantities(pod, 'requests'))
}

/**
 * What a pod asks for, or may have at most (component-helpers `resource.PodRequests`, `PodLimits`): the sum of its containers and sidecars,
 * or what an init container needs with the sidecars before it when that is more, plus its overhead, which limits nothing by itself.
 */
export function podQuantities(pod: Pod, part: 'limits' | 'requests'): ResourceQuantities {
  const { containers = [], initContainers = [], overhead } = pod.spec ?? {}
  const of = ({ resources }: Container): ResourceQuantities => quantitiesOf(resources?.[part])
  const running = new Map<string, Quantity>()
  for (const container of containers) add(running, of(container))
  const sidecars = new Map<string, Quantity>()
  const starting = new Map<string, Quantity>()
  for (const container of initContainers) {
    const amounts = of(container)
    if (container.restartPolicy === 'Always') {
      add(running, amounts)
      add(sidecars, amounts)
      raise(starting, sidecars)
      continue
    }
    const together = new Map(sidecars)
    add(together, amounts)
    raise(starting, together)
  }
  raise(running, starting)
  for (const [name, amount] of quantitiesOf(overhead)) {
    const before = running.get(name)
    if (part === 'requests' || (before !== undefined && before.nano !== 0n)) add(running, [[name, amount]])
  }
  return running
}

function quantitiesOf(list: Quantities): ResourceQuantities {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]))
}

function amountsOf(quantities: ResourceQuantities): ResourceAmounts {
  const amounts = new Map<string, number>()
  for (const [name, quantity] of quantities)
    amounts.set(name, name === 'cpu' ? quantityToMilli(quantity) : quantityToNumber(quantity))
  return amounts
}

function add(total: Map<string, Quantity>, amounts: Iterable<readonly [string, Quantity]>): void {
  for (const [name, amount] of amounts) {
    const before = total.get(name)
    total.set(name, before === undefined ? amount : addQuantities(before, amount))
  }
}

function raise(total: Map<string, Quantity>, amounts: ResourceQuantities): void {
  for (const [name, amount] of amounts) {
    const before = total.get(name)
    if (before === undefined || compareQuantities(before, amount) < 0) total.set(name, amount)
  }
}
