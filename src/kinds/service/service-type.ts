import type { Service, ServiceSpec } from '../../kube/generated/types.ts'
import type { Draft } from '../definitions/definition.ts'

/** A `spec.clusterIP` that says: no address, the names of the pods instead. */
export const NO_ADDRESS = 'None'

/** A spec that is stored, or one in the making. */
export type AnySpec = ServiceSpec | Draft<ServiceSpec>

/** Without an address of its own: its name stands for the pods behind it. */
export function isHeadless({ clusterIPs, clusterIP }: AnySpec): boolean {
  return clusterIPs === undefined || clusterIPs.length === 0
    ? clusterIP === NO_ADDRESS
    : clusterIPs.length === 1 && clusterIPs[0] === NO_ADDRESS
}

/** Whether it is of a type that has a `clusterIP`, be it `None`. */
export function hasClusterIp({ type }: AnySpec): boolean {
  return type !== 'ExternalName'
}

/** Whether it is of a type that has ports on every node. */
export function hasNodePorts({ type }: AnySpec): boolean {
  return type === 'NodePort' || type === 'LoadBalancer'
}

/** Whether each of its ports gets a port on every node, asked for or not. */
export function wantsNodePorts(spec: AnySpec): boolean {
  return (
    spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
  )
}

/** Whether load balancers must be told which nodes have a pod of it, on a port of its own. */
export function hasHealthCheckPort({ type, externalTrafficPolicy }: AnySpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local'
}

/** Whether it can be reached from outside of the cluster (kubernetes `ExternallyAccessible`). */
export function isExternallyAccessible(spec: AnySpec): boolean {
  return hasNodePorts(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
}

/** The spec of a Service, which every stored one has. */
export function specOf({ spec = {} }: Service): ServiceSpec {
  return spec
}
