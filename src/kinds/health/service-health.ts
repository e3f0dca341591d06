import type { Service } from '../../kube/generated/types.ts'
import type { KubeObject } from '../../kube/index.ts'
import type { Health } from './health.ts'

/** Healthy as soon as it is there, but for a load balancer, which needs an address first. */
export function serviceHealth(object: KubeObject): Health {
  const { spec, status } = object as Service
  if (spec?.type !== 'LoadBalancer') return { state: 'healthy', reason: '' }
  const given = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }) => ip ?? hostname ?? [])
  if (given.length > 0) return { state: 'healthy', reason: `is reached at ${given.join(', ')}` }
  const giver = spec.loadBalancerClass === undefined ? '' : ` of class ${spec.loadBalancerClass}`
  return { state: 'progressing', reason: `waits for the address of a load balancer${giver}` }
}
