import type {
  App,
  CertificateSigningRequest,
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  ControllerRevision,
  Deployment,
  EndpointSlice,
  Endpoints,
  EventObject,
  Ingress,
  IngressClass,
  Lease,
  Namespace,
  NetworkPolicy,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PolicyEndpoints,
  RecordObject,
  ReplicaSet,
  Role,
  RoleBinding,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
  StorageClass,
} from '../generated/types.ts'
import { apiVersionOf, type Kind } from '../kind.ts'
import { appKind } from './app.ts'
import { certificateSigningRequestKind } from './certificate-signing-request.ts'
import { clusterRoleKind } from './cluster-role.ts'
import { clusterRoleBindingKind } from './cluster-role-binding.ts'
import { configMapKind } from './config-map.ts'
import { controllerRevisionKind } from './controller-revision.ts'
import type { KindDefinition } from './definition.ts'
import { deploymentKind } from './deployment.ts'
import { endpointSliceKind } from './endpoint-slice.ts'
import { endpointsKind } from './endpoints.ts'
import { eventKind } from './event.ts'
import { ingressKind } from './ingress.ts'
import { ingressClassKind } from './ingress-class.ts'
import { leaseKind } from './lease.ts'
import { namespaceKind } from './namespace.ts'
import { networkPolicyKind } from './network-policy.ts'
import { nodeKind } from './node.ts'
import { persistentVolumeKind } from './persistent-volume.ts'
import { persistentVolumeClaimKind } from './persistent-volume-claim.ts'
import { podKind } from './pod.ts'
import { policyEndpointsKind } from './policy-endpoints.ts'
import { recordKind } from './record.ts'
import { replicaSetKind } from './replica-set.ts'
import { reviewKinds } from './reviews.ts'
import { roleKind } from './role.ts'
import { roleBindingKind } from './role-binding.ts'
import { secretKind } from './secret.ts'
import { serviceKind } from './service.ts'
import { serviceAccountKind } from './service-account.ts'
import { statefulSetKind } from './stateful-set.ts'
import { storageClassKind } from './storage-class.ts'

/** The handles of the served kinds. */
export const Kinds: {
  readonly App: Kind<App>
  readonly CertificateSigningRequest: Kind<CertificateSigningRequest>
  readonly ClusterRole: Kind<ClusterRole>
  readonly ClusterRoleBinding: Kind<ClusterRoleBinding>
  readonly ConfigMap: Kind<ConfigMap>
  readonly ControllerRevision: Kind<ControllerRevision>
  readonly Deployment: Kind<Deployment>
  readonly EndpointSlice: Kind<EndpointSlice>
  readonly Endpoints: Kind<Endpoints>
  readonly Event: Kind<EventObject>
  readonly Ingress: Kind<Ingress>
  readonly IngressClass: Kind<IngressClass>
  readonly Lease: Kind<Lease>
  readonly Namespace: Kind<Namespace>
  readonly NetworkPolicy: Kind<NetworkPolicy>
  readonly Node: Kind<Node>
  readonly PersistentVolume: Kind<PersistentVolume>
  readonly PersistentVolumeClaim: Kind<PersistentVolumeClaim>
  readonly Pod: Kind<Pod>
  readonly PolicyEndpoints: Kind<PolicyEndpoints>
  readonly Record: Kind<RecordObject>
  readonly ReplicaSet: Kind<ReplicaSet>
  readonly Role: Kind<Role>
  readonly RoleBinding: Kind<RoleBinding>
  readonly Secret: Kind<Secret>
  readonly Service: Kind<Service>
  readonly ServiceAccount: Kind<ServiceAccount>
  readonly StatefulSet: Kind<StatefulSet>
  readonly StorageClass: Kind<StorageClass>
} = {
  App: appKind,
  CertificateSigningRequest: certificateSigningRequestKind,
  ClusterRole: clusterRoleKind,
  ClusterRoleBinding: clusterRoleBindingKind,
  ConfigMap: configMapKind,
  ControllerRevision: controllerRevisionKind,
  Deployment: deploymentKind,
  EndpointSlice: endpointSliceKind,
  Endpoints: endpointsKind,
  Event: eventKind,
  Ingress: ingressKind,
  IngressClass: ingressClassKind,
  Lease: leaseKind,
  Namespace: namespaceKind,
  NetworkPolicy: networkPolicyKind,
  Node: nodeKind,
  PersistentVolume: persistentVolumeKind,
  PersistentVolumeClaim: persistentVolumeClaimKind,
  Pod: podKind,
  PolicyEndpoints: policyEndpointsKind,
  Record: recordKind,
  ReplicaSet: replicaSetKind,
  Role: roleKind,
  RoleBinding: roleBindingKind,
  Secret: secretKind,
  Service: serviceKind,
  ServiceAccount: serviceAccountKind,
  StatefulSet: statefulSetKind,
  StorageClass: storageClassKind,
}

/** Every served kind, by group (the core group first), then by plural name. */
export const allKinds: readonly Kind[] = Object.values<Kind>(Kinds).sort(
  (a, b) => compareTexts(a.group, b.group) || compareTexts(a.plural, b.plural),
)

const byKind = new Map(allKinds.map(kind => [`${apiVersionOf(kind)}/${kind.kind}`, kind]))
const byResource = new Map(
  [...allKinds, ...reviewKinds].map(kind => [`${apiVersionOf(kind)}/${kind.plural}`, kind]),
)

/** The kind of an object's `apiVersion` and `kind`; undefined when it is not served. */
export function findKind(apiVersion: string, kind: string): Kind | undefined {
  return byKind.get(`${apiVersion}/${kind}`)
}

/** The kind behind a URL's group, version and plural name; undefined when it is not served. */
export function findResource(group: string, version: string, plural: string): Kind | undefined {
  return byResource.get(`${group === '' ? version : `${group}/${version}`}/${plural}`)
}

/** What is special about a kind. A handle that is not one of {@link Kinds} is found by its name. */
export function definitionOf(kind: Kind): KindDefinition {
  const found = byKind.get(`${apiVersionOf(kind)}/${kind.kind}`) ?? reviewKinds.find(one => one === kind)
  if (found === undefined)
    throw new RangeError(
      `Cannot find the definition of kind ${apiVersionOf(kind)} ${kind.kind}: it is not served`,
    )
  // Everything in them was made by defineKind().
  return found as KindDefinition
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
