import type { ObjectMeta, Pod, PodSpec } from '../../kube/index.ts'
import type { PodIdentity } from '../runtime/index.ts'

/** A pod as a node gets it: stored, so that it has a name and a uid, and with a spec. */
export interface AssignedPod extends Pod {
  readonly metadata: ObjectMeta & { readonly name: string; readonly namespace: string; readonly uid: string }
  readonly spec: PodSpec
}

/** Narrows a pod from the API server; false for one that no server should have given. */
export function isAssigned(pod: Pod): pod is AssignedPod {
  const { name, namespace, uid } = pod.metadata
  return pod.spec !== undefined && Boolean(name) && Boolean(namespace) && Boolean(uid)
}

/** How the runtime is told whose sandbox or container it is. */
export function identityOf({ metadata: { uid, namespace, name } }: AssignedPod): PodIdentity {
  return { uid, namespace, name }
}

/** `name_namespace(uid)`, as kubelet writes a pod into messages. */
export function podTitle({ metadata }: AssignedPod): string {
  return `${metadata.name}_${metadata.namespace}(${metadata.uid})`
}
