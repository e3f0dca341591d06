import type { Service } from '../../kube/generated/types.ts'
import type { Draft } from '../definitions/definition.ts'
import { hasNodePorts, isExternallyAccessible } from './service-type.ts'

/** How long a client stays with its pod under `sessionAffinity: ClientIP`: three hours. */
const AFFINITY_SECONDS = 10_800

/** Defaults of a Service beyond the schema's (kubernetes `pkg/apis/core/v1/defaults.go`, `SetDefaults_Service`). */
export function setServiceDefaults(draft: Draft<Service>): void {
  const { spec, status } = draft
  if (spec === undefined) return
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  if (
    spec.sessionAffinity === 'ClientIP' &&
    spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined
  )
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: AFFINITY_SECONDS } }
  for (const port of spec.ports ?? []) {
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '')
      port.targetPort = port.port
    // Zero is how upstream's clients say that they ask for none.
    if (port.nodePort === 0) delete port.nodePort
  }
  if (spec.healthCheckNodePort === 0) delete spec.healthCheckNodePort
  if (spec.clusterIP === '') delete spec.clusterIP
  // Who gives the old field alone means the new one too.
  if (spec.clusterIP && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [spec.clusterIP]
  if (isExternallyAccessible(spec)) spec.externalTrafficPolicy ||= 'Cluster'
  if (spec.type === 'ClusterIP' || hasNodePorts(spec)) spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type !== 'LoadBalancer') return
  spec.allocateLoadBalancerNodePorts ??= true
  for (const ingress of status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP'
}
