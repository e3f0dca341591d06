import { deepEqual } from '../../base/index.ts'
import type { Service, ServicePort, ServiceSpec } from '../../kube/generated/types.ts'
import type { Draft } from '../definitions/definition.ts'
import {
  hasClusterIp,
  hasHealthCheckPort,
  hasNodePorts,
  isExternallyAccessible,
  specOf,
} from './service-type.ts'

type Spec = Draft<ServiceSpec>
type Port = Draft<ServicePort>

/**
 * The spec of a changed Service as it is meant: what it was given and does not name is kept (`kubectl replace` of a file without a
 * clusterIP), and what its new type does not have goes, unless the write itself changed it. Returns a new spec.
 * Upstream: kubernetes `pkg/registry/core/service/storage/storage.go` `patchAllocatedValues`, `normalizeClusterIPs`, and
 * `strategy.go` `dropTypeDependentFields`.
 */
export function carryOver(next: Spec, before: Service): Spec {
  const old = specOf(before)
  const draft = { ...next }
  keepAddresses(draft, old)
  keepNodePorts(draft, old)
  if (hasHealthCheckPort(old) && hasHealthCheckPort(draft))
    draft.healthCheckNodePort ||= old.healthCheckNodePort
  alignAddresses(draft, old)
  dropAddresses(draft, old)
  dropPorts(draft, old)
  dropPolicies(draft, old)
  for (const key of Object.keys(draft) as (keyof Spec)[]) if (draft[key] === undefined) delete draft[key]
  return draft
}

function keepAddresses(draft: Spec, old: ServiceSpec): void {
  if (!hasClusterIp(old) || !hasClusterIp(draft)) return
  draft.clusterIP ||= old.clusterIP
  if (isNone(draft.clusterIPs) && draft.clusterIP === old.clusterIP) draft.clusterIPs = listOf(old.clusterIPs)
}

/** The ports of nodes are kept by the names of the ports, as far as the write does not give them to another port. */
function keepNodePorts(draft: Spec, old: ServiceSpec): void {
  if (!hasNodePorts(old) || !hasNodePorts(draft)) return
  const given = nodePortsOf(draft)
  const used = new Set([...nodePortsOf(old)].filter(nodePort => given.has(nodePort)))
  const byName = new Map((old.ports ?? []).map(({ name = '', nodePort }) => [name, nodePort]))
  draft.ports = draft.ports?.map(port => {
    const kept = byName.get(port.name ?? '')
    if (port.nodePort || kept === undefined || used.has(kept)) return port
    used.add(kept)
    return { ...port, nodePort: kept }
  })
}

function nodePortsOf({ ports = [] }: { readonly ports?: readonly Port[] | undefined }): ReadonlySet<number> {
  return new Set(ports.flatMap(({ nodePort }) => nodePort || []))
}

/** `clusterIP` and `clusterIPs[0]` are one: who changes the first of them alone means both. */
function alignAddresses(draft: Spec, old: ServiceSpec): void {
  const { clusterIP = '' } = draft
  if (clusterIP === (old.clusterIP ?? '')) {
    if (isNone(draft.clusterIPs)) draft.clusterIPs = listOf(old.clusterIPs)
  } else if (deepEqual(draft.clusterIPs ?? [], old.clusterIPs ?? [])) {
    draft.clusterIPs = clusterIP === '' ? undefined : [clusterIP]
  }
}

function dropAddresses(draft: Spec, old: ServiceSpec): void {
  if (!hasClusterIp(old) || hasClusterIp(draft)) return
  if (deepEqual(draft.clusterIPs ?? [], old.clusterIPs ?? [])) {
    draft.clusterIP = undefined
    draft.clusterIPs = undefined
  }
  if (deepEqual(draft.ipFamilies ?? [], old.ipFamilies ?? [])) draft.ipFamilies = undefined
  if (draft.ipFamilyPolicy === old.ipFamilyPolicy) draft.ipFamilyPolicy = undefined
}

function dropPorts(draft: Spec, old: ServiceSpec): void {
  const nodePorts = (spec: Spec | ServiceSpec): unknown =>
    spec.ports?.map(({ nodePort = 0 }) => nodePort) ?? []
  if (hasNodePorts(old) && !hasNodePorts(draft) && deepEqual(nodePorts(draft), nodePorts(old)))
    draft.ports = draft.ports?.map(({ nodePort: _, ...port }) => port)
  if (
    hasHealthCheckPort(old) &&
    !hasHealthCheckPort(draft) &&
    draft.healthCheckNodePort === old.healthCheckNodePort
  )
    draft.healthCheckNodePort = undefined
}

function dropPolicies(draft: Spec, old: ServiceSpec): void {
  if (old.type === 'LoadBalancer' && draft.type !== 'LoadBalancer') {
    if (draft.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts)
      draft.allocateLoadBalancerNodePorts = undefined
    if (draft.loadBalancerClass === old.loadBalancerClass) draft.loadBalancerClass = undefined
  }
  if (
    isExternallyAccessible(old) &&
    !isExternallyAccessible(draft) &&
    draft.externalTrafficPolicy === old.externalTrafficPolicy
  )
    draft.externalTrafficPolicy = undefined
}

function isNone(list: readonly unknown[] | undefined): boolean {
  return list === undefined || list.length === 0
}

function listOf(list: readonly string[] | undefined): string[] | undefined {
  return list === undefined ? undefined : [...list]
}
