import type { Container, Pod } from './generated/types.ts'
import { parseQuantity, quantityToMilli, quantityToNumber } from './quantity.ts'

/** Amounts by resource name: `cpu` in thousandths of a core, all others in their own unit (bytes, pieces). */
export type ResourceAmounts = ReadonlyMap<string, number>

type Quantities = Readonly<Record<string, string | number>> | undefined

/** The amounts in a resource list such as `requests`, `limits` or a node's `allocatable`. */
export function resourceAmounts(list: Quantities): ResourceAmounts {
  const amounts = new Map<string, number>()
  for (const [name, text] of Object.entries(list ?? {})) {
    const quantity = parseQuantity(text)
    amounts.set(name, name === 'cpu' ? quantityToMilli(quantity) : quantityToNumber(quantity))
  }
  return amounts
}

/**
 * What a pod asks a node for (component-helpers `resource.PodRequests`): the sum of its containers and sidecars, or what an
 * init container needs with the sidecars before it when that is more, plus its overhead.
 */
export function podRequests(pod: Pod): ResourceAmounts {
  const { containers = [], initContainers = [], overhead } = pod.spec ?? {}
  const running = new Map<string, number>()
  for (const container of containers) add(running, requestsOf(container))
  const sidecars = new Map<string, number>()
  const starting = new Map<string, number>()
  for (const container of initContainers) {
    const requests = requestsOf(container)
    if (container.restartPolicy === 'Always') {
      add(running, requests)
      add(sidecars, requests)
      raise(starting, sidecars)
      continue
    }
    const together = new Map(sidecars)
    add(together, requests)
    raise(starting, together)
  }
  raise(running, starting)
  add(running, resourceAmounts(overhead))
  return running
}

function requestsOf({ resources }: Container): ResourceAmounts {
  return resourceAmounts(resources?.requests)
}

function add(total: Map<string, number>, amounts: ResourceAmounts): void {
  for (const [name, amount] of amounts) total.set(name, (total.get(name) ?? 0) + amount)
}

function raise(total: Map<string, number>, amounts: ResourceAmounts): void {
  for (const [name, amount] of amounts) total.set(name, Math.max(total.get(name) ?? 0, amount))
}
