import type { PersistentVolumeClaim, Pod, Service } from '../../kube/generated/types.ts'
import { classNameOf, type KubeObject, parseQuantity, type Quantity } from '../../kube/index.ts'
import { podUsage } from './pod-usage.ts'
import { countName, isCountedByName, ofStorageClass } from './resource-names.ts'

/** Amounts by the names that a quota limits them by. */
export type Usage = ReadonlyMap<string, Quantity>

const NANO_PER_UNIT = 10n ** 9n

/**
 * What one object of a resource (`pods`, `deployments.apps`) uses of the quotas of its namespace, as of a time: a pod that has ended, or
 * should have long since, uses nothing but its place among the objects (kubernetes `pkg/quota/v1/evaluator/core`).
 */
export function usageOf(resource: string, object: KubeObject, nowMs: number): Usage {
  if (!DIFFERING.has(resource)) return countOf(resource)
  const usage = new Map([[countName(resource), pieces(1)]])
  const add = (amounts: Iterable<readonly [string, Quantity]>): void => {
    for (const [name, amount] of amounts) usage.set(name, amount)
  }
  if (resource === 'pods') add(podUsage(object as Pod, nowMs))
  else if (resource === 'services') add(serviceUsage(object as Service))
  else add(claimUsage(object as PersistentVolumeClaim))
  return usage
}

/** Whether every object of a resource uses the same, so that none has to be looked at. */
export function isCountedAlike(resource: string): boolean {
  return !DIFFERING.has(resource)
}

const DIFFERING: ReadonlySet<string> = new Set(['persistentvolumeclaims', 'pods', 'services'])

function countOf(resource: string): Usage {
  const one = pieces(1)
  return new Map([
    [countName(resource), one],
    ...(isCountedByName(resource) ? ([[resource, one]] as const) : []),
  ])
}

/** An amount of things that are counted. */
export function pieces(count: number): Quantity {
  return { nano: BigInt(count) * NANO_PER_UNIT, format: 'DecimalSI' }
}

/** Ports of hosts are counted by what is asked for: they are given out later. */
function* serviceUsage({ spec = {} }: Service): Generator<readonly [string, Quantity]> {
  const { type, ports = [], allocateLoadBalancerNodePorts = true } = spec
  yield ['services', pieces(1)]
  yield ['services.loadbalancers', pieces(type === 'LoadBalancer' ? 1 : 0)]
  const asked =
    type === 'NodePort' || (type === 'LoadBalancer' && allocateLoadBalancerNodePorts)
      ? ports
      : type === 'LoadBalancer'
        ? ports.filter(({ nodePort }) => nodePort)
        : []
  yield ['services.nodeports', pieces(asked.length)]
}

/** A claim counts for the larger of what it asks for and what is being made for it, in whole bytes, and for its class. */
function* claimUsage(claim: PersistentVolumeClaim): Generator<readonly [string, Quantity]> {
  const className = classNameOf(claim)
  const { spec, status } = claim
  const amounts = new Map([['persistentvolumeclaims', pieces(1)]])
  const asked = spec?.resources?.requests?.storage
  const allocated = status?.allocatedResources?.storage
  if (asked !== undefined) {
    const wanted = inBytes(asked)
    const given = allocated === undefined ? wanted : inBytes(allocated)
    amounts.set('requests.storage', given.nano > wanted.nano ? given : wanted)
  }
  for (const [name, amount] of amounts) {
    yield [name, amount]
    if (className !== '') yield [ofStorageClass(className, name), amount]
  }
}

function inBytes(text: string): Quantity {
  const { nano, format } = parseQuantity(text)
  const rest = nano % NANO_PER_UNIT
  return { nano: rest > 0n ? nano - rest + NANO_PER_UNIT : nano, format }
}
