import type {
  APIService,
  App,
  CertificateSigningRequest,
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  ControllerRevision,
  CronJob,
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  CustomResourceDefinition,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Endpoints,
  EventObject,
  EventsEvent,
  FlowSchema,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  Ingress,
  IngressClass,
  Job,
  Lease,
  LimitRange,
  MutatingWebhookConfiguration,
  Namespace,
  NetworkPolicy,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  PodTemplate,
  PolicyEndpoints,
  PriorityClass,
  PriorityLevelConfiguration,
  RecordObject,
  ReplicaSet,
  ReplicationController,
  ResourceQuota,
  Role,
  RoleBinding,
  RuntimeClass,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
  StorageClass,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
  VolumeAttachment,
} from '../generated/types.ts'
import { apiVersionOf, type Kind } from '../kind.ts'
import { apiServiceKind } from './api-service.ts'
import { appKind } from './app.ts'
import { certificateSigningRequestKind } from './certificate-signing-request.ts'
import { clusterRoleKind } from './cluster-role.ts'
import { clusterRoleBindingKind } from './cluster-role-binding.ts'
import { configMapKind } from './config-map.ts'
import { controllerRevisionKind } from './controller-revision.ts'
import { cronJobKind } from './cron-job.ts'
import { csiDriverKind } from './csi-driver.ts'
import { csiNodeKind } from './csi-node.ts'
import { csiStorageCapacityKind } from './csi-storage-capacity.ts'
import { customResourceDefinitionKind } from './custom-resource-definition.ts'
import { daemonSetKind } from './daemon-set.ts'
import type { KindDefinition } from './definition.ts'
import { deploymentKind } from './deployment.ts'
import { endpointSliceKind } from './endpoint-slice.ts'
import { endpointsKind } from './endpoints.ts'
import { eventKind } from './event.ts'
import { eventsEventKind } from './events-event.ts'
import { flowSchemaKind } from './flow-schema.ts'
import { horizontalPodAutoscalerKind } from './horizontal-pod-autoscaler.ts'
import { horizontalPodAutoscalerV1Kind } from './horizontal-pod-autoscaler-v1.ts'
import { ingressKind } from './ingress.ts'
import { ingressClassKind } from './ingress-class.ts'
import { jobKind } from './job.ts'
import { leaseKind } from './lease.ts'
import { limitRangeKind } from './limit-range.ts'
import { namespaceKind } from './namespace.ts'
import { networkPolicyKind } from './network-policy.ts'
import { nodeKind } from './node.ts'
import { persistentVolumeKind } from './persistent-volume.ts'
import { persistentVolumeClaimKind } from './persistent-volume-claim.ts'
import { podKind } from './pod.ts'
import { podDisruptionBudgetKind } from './pod-disruption-budget.ts'
import { podTemplateKind } from './pod-template.ts'
import { policyEndpointsKind } from './policy-endpoints.ts'
import { priorityClassKind } from './priority-class.ts'
import { priorityLevelConfigurationKind } from './priority-level-configuration.ts'
import { recordKind } from './record.ts'
import { replicaSetKind } from './replica-set.ts'
import { replicationControllerKind } from './replication-controller.ts'
import { resourceQuotaKind } from './resource-quota.ts'
import { passingKinds, reviewKinds } from './reviews.ts'
import { roleKind } from './role.ts'
import { roleBindingKind } from './role-binding.ts'
import { runtimeClassKind } from './runtime-class.ts'
import { secretKind } from './secret.ts'
import { serviceKind } from './service.ts'
import { serviceAccountKind } from './service-account.ts'
import { statefulSetKind } from './stateful-set.ts'
import { storageClassKind } from './storage-class.ts'
import {
  validatingAdmissionPolicyBindingKind,
  validatingAdmissionPolicyKind,
} from './validating-admission-policy.ts'
import { volumeAttachmentKind } from './volume-attachment.ts'
import {
  mutatingWebhookConfigurationKind,
  validatingWebhookConfigurationKind,
} from './webhook-configurations.ts'

/** The handles of the served kinds. */
export const Kinds: {
  readonly APIService: Kind<APIService>
  readonly App: Kind<App>
  readonly CertificateSigningRequest: Kind<CertificateSigningRequest>
  readonly ClusterRole: Kind<ClusterRole>
  readonly ClusterRoleBinding: Kind<ClusterRoleBinding>
  readonly ConfigMap: Kind<ConfigMap>
  readonly ControllerRevision: Kind<ControllerRevision>
  readonly CronJob: Kind<CronJob>
  readonly CSIDriver: Kind<CSIDriver>
  readonly CSINode: Kind<CSINode>
  readonly CSIStorageCapacity: Kind<CSIStorageCapacity>
  readonly CustomResourceDefinition: Kind<CustomResourceDefinition>
  readonly DaemonSet: Kind<DaemonSet>
  readonly Deployment: Kind<Deployment>
  readonly Endpoints: Kind<Endpoints>
  readonly EndpointSlice: Kind<EndpointSlice>
  readonly Event: Kind<EventObject>
  readonly EventsEvent: Kind<EventsEvent>
  readonly FlowSchema: Kind<FlowSchema>
  readonly HorizontalPodAutoscaler: Kind<HorizontalPodAutoscaler>
  readonly HorizontalPodAutoscalerV1: Kind<HorizontalPodAutoscalerV1>
  readonly Ingress: Kind<Ingress>
  readonly IngressClass: Kind<IngressClass>
  readonly Job: Kind<Job>
  readonly Lease: Kind<Lease>
  readonly LimitRange: Kind<LimitRange>
  readonly MutatingWebhookConfiguration: Kind<MutatingWebhookConfiguration>
  readonly Namespace: Kind<Namespace>
  readonly NetworkPolicy: Kind<NetworkPolicy>
  readonly Node: Kind<Node>
  readonly PersistentVolume: Kind<PersistentVolume>
  readonly PersistentVolumeClaim: Kind<PersistentVolumeClaim>
  readonly Pod: Kind<Pod>
  readonly PodDisruptionBudget: Kind<PodDisruptionBudget>
  readonly PodTemplate: Kind<PodTemplate>
  readonly PolicyEndpoints: Kind<PolicyEndpoints>
  readonly PriorityClass: Kind<PriorityClass>
  readonly PriorityLevelConfiguration: Kind<PriorityLevelConfiguration>
  readonly Record: Kind<RecordObject>
  readonly ReplicaSet: Kind<ReplicaSet>
  readonly ReplicationController: Kind<ReplicationController>
  readonly ResourceQuota: Kind<ResourceQuota>
  readonly Role: Kind<Role>
  readonly RoleBinding: Kind<RoleBinding>
  readonly RuntimeClass: Kind<RuntimeClass>
  readonly Secret: Kind<Secret>
  readonly Service: Kind<Service>
  readonly ServiceAccount: Kind<ServiceAccount>
  readonly StatefulSet: Kind<StatefulSet>
  readonly StorageClass: Kind<StorageClass>
  readonly ValidatingAdmissionPolicy: Kind<ValidatingAdmissionPolicy>
  readonly ValidatingAdmissionPolicyBinding: Kind<ValidatingAdmissionPolicyBinding>
  readonly ValidatingWebhookConfiguration: Kind<ValidatingWebhookConfiguration>
  readonly VolumeAttachment: Kind<VolumeAttachment>
} = {
  APIService: apiServiceKind,
  App: appKind,
  CertificateSigningRequest: certificateSigningRequestKind,
  ClusterRole: clusterRoleKind,
  ClusterRoleBinding: clusterRoleBindingKind,
  ConfigMap: configMapKind,
  ControllerRevision: controllerRevisionKind,
  CronJob: cronJobKind,
  CSIDriver: csiDriverKind,
  CSINode: csiNodeKind,
  CSIStorageCapacity: csiStorageCapacityKind,
  CustomResourceDefinition: customResourceDefinitionKind,
  DaemonSet: daemonSetKind,
  Deployment: deploymentKind,
  Endpoints: endpointsKind,
  EndpointSlice: endpointSliceKind,
  Event: eventKind,
  EventsEvent: eventsEventKind,
  FlowSchema: flowSchemaKind,
  HorizontalPodAutoscaler: horizontalPodAutoscalerKind,
  HorizontalPodAutoscalerV1: horizontalPodAutoscalerV1Kind,
  Ingress: ingressKind,
  IngressClass: ingressClassKind,
  Job: jobKind,
  Lease: leaseKind,
  LimitRange: limitRangeKind,
  MutatingWebhookConfiguration: mutatingWebhookConfigurationKind,
  Namespace: namespaceKind,
  NetworkPolicy: networkPolicyKind,
  Node: nodeKind,
  PersistentVolume: persistentVolumeKind,
  PersistentVolumeClaim: persistentVolumeClaimKind,
  Pod: podKind,
  PodDisruptionBudget: podDisruptionBudgetKind,
  PodTemplate: podTemplateKind,
  PolicyEndpoints: policyEndpointsKind,
  PriorityClass: priorityClassKind,
  PriorityLevelConfiguration: priorityLevelConfigurationKind,
  Record: recordKind,
  ReplicaSet: replicaSetKind,
  ReplicationController: replicationControllerKind,
  ResourceQuota: resourceQuotaKind,
  Role: roleKind,
  RoleBinding: roleBindingKind,
  RuntimeClass: runtimeClassKind,
  Secret: secretKind,
  Service: serviceKind,
  ServiceAccount: serviceAccountKind,
  StatefulSet: statefulSetKind,
  StorageClass: storageClassKind,
  ValidatingAdmissionPolicy: validatingAdmissionPolicyKind,
  ValidatingAdmissionPolicyBinding: validatingAdmissionPolicyBindingKind,
  ValidatingWebhookConfiguration: validatingWebhookConfigurationKind,
  VolumeAttachment: volumeAttachmentKind,
}

/** Every served kind, by group (the core group first), then by plural name. */
export const allKinds: readonly Kind[] = Object.values<Kind>(Kinds).sort(
  (a, b) => compareTexts(a.group, b.group) || compareTexts(a.plural, b.plural),
)

/** The kinds whose objects the store holds: {@link allKinds} without those that show another kind's objects. */
export const storedKinds: readonly Kind[] = allKinds.filter(kind => kind.storedAs === undefined)

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

/** What is special about a kind. The handle of a custom kind holds it; a copy of one of {@link Kinds} is found by its name. */
export function definitionOf(kind: Kind): KindDefinition {
  if ('rules' in kind) return kind as KindDefinition
  const found = byKind.get(`${apiVersionOf(kind)}/${kind.kind}`) ?? passingKinds.find(one => one === kind)
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
