import { deepEqual } from '../../../base/index.ts'
import { Kinds, type KubeObject, type StatusError, type TokenRequest } from '../../../kube/index.ts'
import type { Admission, AdmissionRequest } from '../contract.ts'
import { forbidden } from '../refusals.ts'
import { nodeNameOf } from './identity.ts'
import { NODE_LEASE_NAMESPACE } from './node-authorizer.ts'
import type { NodeGraph } from './node-graph.ts'

const RESTRICTED_NAMESPACE = 'node-restriction.kubernetes.io'

/** The labels of Kubernetes' own namespaces that a kubelet may set (kubelet/pkg/apis `well_known_labels.go`). */
const KUBELET_LABELS: ReadonlySet<string> = new Set([
  'beta.kubernetes.io/arch',
  'beta.kubernetes.io/instance-type',
  'beta.kubernetes.io/os',
  'failure-domain.beta.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'kubernetes.io/arch',
  'kubernetes.io/hostname',
  'kubernetes.io/os',
  'node.kubernetes.io/instance-type',
  'topology.kubernetes.io/region',
  'topology.kubernetes.io/zone',
])
const KUBELET_LABEL_NAMESPACES: readonly string[] = ['kubelet.kubernetes.io', 'node.kubernetes.io']

/**
 * Upstream's NodeRestriction admission (plugin/pkg/admission/noderestriction): a node writes its own Node, lease and pods' status,
 * gives itself no label that schedules work to it by trust, and takes no taint away. Others are not concerned.
 */
export function nodeRestriction(graph: Pick<NodeGraph, 'nodeOf'>): Admission {
  return { admit: request => restrict(request, graph) }
}

function restrict(request: AdmissionRequest, graph: Pick<NodeGraph, 'nodeOf'>): KubeObject | undefined {
  const nodeName = nodeNameOf(request.user)
  if (nodeName === undefined) return request.object
  const { group, plural } = request.kind
  if (group === '' && plural === 'serviceaccounts') restrictToken(request, nodeName, graph)
  if (group === '' && plural === 'nodes') restrictNode(request, nodeName)
  if (group === '' && plural === 'pods') restrictPod(request, nodeName)
  if (group === 'coordination.k8s.io' && plural === 'leases') restrictLease(request, nodeName)
  return request.object
}

/** A node asks for tokens in the name of its pods only, of those that there are now. */
function restrictToken(request: AdmissionRequest, nodeName: string, graph: Pick<NodeGraph, 'nodeOf'>): void {
  const { spec } = request.object as Partial<TokenRequest>
  const { kind, apiVersion, name = '', uid = '' } = spec?.boundObjectRef ?? {}
  if (kind !== Kinds.Pod.kind || apiVersion !== 'v1' || name === '')
    throw refuse(request, `node "${nodeName}" requested a token that is not bound to a pod`)
  if (uid === '')
    throw refuse(request, `node "${nodeName}" requested a token with a pod binding without a uid`)
  if (graph.nodeOf(request.namespace, name, uid) !== nodeName)
    throw refuse(request, `node "${nodeName}" requested a token bound to a pod scheduled on a different node`)
}

function restrictNode(request: AdmissionRequest, nodeName: string): void {
  const { verb, object, old, name } = request
  if (name !== nodeName) throw refuse(request, `node "${nodeName}" is not allowed to modify node "${name}"`)
  if (verb === 'delete' || object === undefined) return
  if (old !== undefined && !deepEqual(taintsOf(object), taintsOf(old)))
    throw refuse(request, `node "${nodeName}" is not allowed to modify taints`)
  if (
    old !== undefined &&
    !deepEqual(object.metadata.ownerReferences ?? [], old.metadata.ownerReferences ?? [])
  )
    throw refuse(request, `node "${nodeName}" is not allowed to modify ownerReferences`)
  // Stricter than upstream: a host that is removed has its certificate until its Node is gone.
  if (!deepEqual(object.metadata.finalizers ?? [], old?.metadata.finalizers ?? []))
    throw refuse(request, `node "${nodeName}" is not allowed to modify finalizers`)
  // Stricter than upstream: other hosts send to wherever a Node says its pods are.
  if (!deepEqual(podRangesOf(object), old === undefined ? [] : podRangesOf(old)))
    throw refuse(request, `node "${nodeName}" is not allowed to choose the range of its pods`)
  const refusedLabels = changedLabels(object, old).filter(label => !isKubeletLabel(label))
  if (refusedLabels.length > 0)
    throw refuse(request, `node "${nodeName}" is not allowed to modify labels: ${refusedLabels.join(', ')}`)
}

function restrictPod(request: AdmissionRequest, nodeName: string): void {
  const { verb, subresource, object, old } = request
  const bound = (old as { spec?: { nodeName?: string } } | undefined)?.spec?.nodeName
  if (verb === 'create') throw refuse(request, `node "${nodeName}" is not allowed to create pods`)
  if (bound !== nodeName)
    throw refuse(
      request,
      `node "${nodeName}" can only ${verb} ${subresource === '' ? 'pods' : 'pod status for pods'} with spec.nodeName set to itself`,
    )
  if (verb === 'delete') return
  if (subresource !== 'status')
    throw refuse(request, `node "${nodeName}" is not allowed to change pods but their status`)
  if (!deepEqual(object?.metadata.labels ?? {}, old?.metadata.labels ?? {}))
    throw refuse(request, `node "${nodeName}" cannot update labels through pod status`)
}

function restrictLease(request: AdmissionRequest, nodeName: string): void {
  if (request.namespace === NODE_LEASE_NAMESPACE && request.name === nodeName) return
  throw refuse(request, `can only access the lease "${nodeName}" in the namespace "${NODE_LEASE_NAMESPACE}"`)
}

/** Labels that were added, removed, or given another value. */
function changedLabels(object: KubeObject, old: KubeObject | undefined): readonly string[] {
  const after = object.metadata.labels ?? {}
  const before = old?.metadata.labels ?? {}
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter(key => before[key] !== after[key])
    .sort()
}

/** Labels outside Kubernetes' own namespaces are free, but those that keep nodes apart by trust are the admin's alone. */
function isKubeletLabel(label: string): boolean {
  const slash = label.indexOf('/')
  const namespace = slash === -1 ? '' : label.slice(0, slash)
  if (isWithin(namespace, RESTRICTED_NAMESPACE)) return false
  if (!isWithin(namespace, 'kubernetes.io') && !isWithin(namespace, 'k8s.io')) return true
  return KUBELET_LABELS.has(label) || KUBELET_LABEL_NAMESPACES.some(own => isWithin(namespace, own))
}

function isWithin(namespace: string, parent: string): boolean {
  return namespace === parent || namespace.endsWith(`.${parent}`)
}

function taintsOf(object: KubeObject): unknown {
  return (object as { spec?: { taints?: unknown } }).spec?.taints ?? []
}

function podRangesOf(object: KubeObject): readonly string[] {
  const { podCIDR = '', podCIDRs = [] } =
    (object as { spec?: { podCIDR?: string; podCIDRs?: readonly string[] } }).spec ?? {}
  return [...new Set([podCIDR, ...podCIDRs])].filter(range => range !== '')
}

function refuse({ kind, name }: AdmissionRequest, why: string): StatusError {
  return forbidden(kind, name, why)
}
