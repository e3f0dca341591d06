import type { Container, Pod, ServicePort } from '../../../kube/index.ts'

/**
 * The port of a pod that a port of a service leads to: a number is itself, a name is looked up among the ports of its containers,
 * sidecars last (kubernetes `pkg/api/v1/pod`, FindPort). Undefined when the pod has none of this name and protocol.
 */
export function targetPortOf(
  pod: Pod,
  { port, protocol = 'TCP', targetPort }: ServicePort,
): number | undefined {
  if (targetPort === undefined || targetPort === 0 || targetPort === '') return port
  if (typeof targetPort === 'number') return targetPort
  const sidecars = (pod.spec?.initContainers ?? []).filter(isSidecar)
  return [...(pod.spec?.containers ?? []), ...sidecars]
    .flatMap(({ ports = [] }) => ports)
    .find(candidate => candidate.name === targetPort && (candidate.protocol ?? 'TCP') === protocol)
    ?.containerPort
}

function isSidecar({ restartPolicy }: Container): boolean {
  return restartPolicy === 'Always'
}
