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
} from './generated/types.ts'
import { apiVersionOf, defineHandle, type Kind } from './kind.ts'
import { reviewKinds } from './reviews.ts'

const eventKind: Kind<EventObject> = defineHandle({ kind: 'Event', shortNames: ['ev'] })

const autoscalerKind: Kind<HorizontalPodAutoscaler> = defineHandle({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  subresources: ['status'],
})

/** The handles of the served kinds. What is special about each is in `kinds/definitions`. */
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
  APIService: defineHandle({
    group: 'apiregistration.k8s.io',
    kind: 'APIService',
    namespaced: false,
    subresources: ['status'],
  }),
  App: defineHandle({
    group: 'bowline.dev',
    version: 'v1alpha1',
    kind: 'App',
    categories: ['bowline'],
    namespaced: false,
    subresources: ['status'],
  }),
  CertificateSigningRequest: defineHandle({
    group: 'certificates.k8s.io',
    kind: 'CertificateSigningRequest',
    shortNames: ['csr'],
    namespaced: false,
    subresources: ['approval', 'status'],
  }),
  ClusterRole: defineHandle({ group: 'rbac.authorization.k8s.io', kind: 'ClusterRole', namespaced: false }),
  ClusterRoleBinding: defineHandle({
    group: 'rbac.authorization.k8s.io',
    kind: 'ClusterRoleBinding',
    namespaced: false,
  }),
  ConfigMap: defineHandle({ kind: 'ConfigMap', shortNames: ['cm'] }),
  ControllerRevision: defineHandle({ group: 'apps', kind: 'ControllerRevision' }),
  CronJob: defineHandle({
    group: 'batch',
    kind: 'CronJob',
    shortNames: ['cj'],
    categories: ['all'],
    subresources: ['status'],
  }),
  CSIDriver: defineHandle({ group: 'storage.k8s.io', kind: 'CSIDriver', namespaced: false }),
  CSINode: defineHandle({ group: 'storage.k8s.io', kind: 'CSINode', namespaced: false }),
  CSIStorageCapacity: defineHandle({
    group: 'storage.k8s.io',
    kind: 'CSIStorageCapacity',
    plural: 'csistoragecapacities',
  }),
  CustomResourceDefinition: defineHandle({
    group: 'apiextensions.k8s.io',
    kind: 'CustomResourceDefinition',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
    subresources: ['status'],
  }),
  DaemonSet: defineHandle({
    group: 'apps',
    kind: 'DaemonSet',
    shortNames: ['ds'],
    categories: ['all'],
    subresources: ['status'],
  }),
  Deployment: defineHandle({
    group: 'apps',
    kind: 'Deployment',
    shortNames: ['deploy'],
    categories: ['all'],
    subresources: ['scale', 'status'],
  }),
  Endpoints: defineHandle({ kind: 'Endpoints', plural: 'endpoints', shortNames: ['ep'] }),
  EndpointSlice: defineHandle({ group: 'discovery.k8s.io', kind: 'EndpointSlice' }),
  Event: eventKind,
  EventsEvent: defineHandle({
    group: 'events.k8s.io',
    kind: 'Event',
    shortNames: ['ev'],
    storedAs: eventKind,
  }),
  FlowSchema: defineHandle({
    group: 'flowcontrol.apiserver.k8s.io',
    kind: 'FlowSchema',
    namespaced: false,
    subresources: ['status'],
  }),
  HorizontalPodAutoscaler: autoscalerKind,
  HorizontalPodAutoscalerV1: defineHandle({
    group: 'autoscaling',
    kind: 'HorizontalPodAutoscaler',
    shortNames: ['hpa'],
    categories: ['all'],
    subresources: ['status'],
    storedAs: autoscalerKind,
  }),
  Ingress: defineHandle({
    group: 'networking.k8s.io',
    kind: 'Ingress',
    plural: 'ingresses',
    shortNames: ['ing'],
    subresources: ['status'],
  }),
  IngressClass: defineHandle({
    group: 'networking.k8s.io',
    kind: 'IngressClass',
    plural: 'ingressclasses',
    namespaced: false,
  }),
  Job: defineHandle({ group: 'batch', kind: 'Job', categories: ['all'], subresources: ['status'] }),
  Lease: defineHandle({ group: 'coordination.k8s.io', kind: 'Lease' }),
  LimitRange: defineHandle({ kind: 'LimitRange', shortNames: ['limits'] }),
  MutatingWebhookConfiguration: defineHandle({
    group: 'admissionregistration.k8s.io',
    kind: 'MutatingWebhookConfiguration',
    namespaced: false,
  }),
  Namespace: defineHandle({
    kind: 'Namespace',
    shortNames: ['ns'],
    namespaced: false,
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
    subresources: ['finalize', 'status'],
  }),
  NetworkPolicy: defineHandle({
    group: 'networking.k8s.io',
    kind: 'NetworkPolicy',
    plural: 'networkpolicies',
    shortNames: ['netpol'],
  }),
  Node: defineHandle({ kind: 'Node', shortNames: ['no'], namespaced: false, subresources: ['status'] }),
  PersistentVolume: defineHandle({
    kind: 'PersistentVolume',
    shortNames: ['pv'],
    namespaced: false,
    subresources: ['status'],
  }),
  PersistentVolumeClaim: defineHandle({
    kind: 'PersistentVolumeClaim',
    shortNames: ['pvc'],
    subresources: ['status'],
  }),
  Pod: defineHandle({
    kind: 'Pod',
    shortNames: ['po'],
    categories: ['all'],
    subresources: ['binding', 'ephemeralcontainers', 'eviction', 'log', 'status'],
  }),
  PodDisruptionBudget: defineHandle({
    group: 'policy',
    kind: 'PodDisruptionBudget',
    shortNames: ['pdb'],
    subresources: ['status'],
  }),
  PodTemplate: defineHandle({ kind: 'PodTemplate' }),
  PolicyEndpoints: defineHandle({
    group: 'bowline.dev',
    version: 'v1alpha1',
    kind: 'PolicyEndpoints',
    plural: 'policyendpoints',
  }),
  PriorityClass: defineHandle({
    group: 'scheduling.k8s.io',
    kind: 'PriorityClass',
    plural: 'priorityclasses',
    shortNames: ['pc'],
    namespaced: false,
  }),
  PriorityLevelConfiguration: defineHandle({
    group: 'flowcontrol.apiserver.k8s.io',
    kind: 'PriorityLevelConfiguration',
    namespaced: false,
    subresources: ['status'],
  }),
  Record: defineHandle({
    group: 'bowline.dev',
    version: 'v1alpha1',
    kind: 'Record',
    categories: ['bowline'],
    namespaced: false,
    verbs: ['get', 'list', 'watch'],
  }),
  ReplicaSet: defineHandle({
    group: 'apps',
    kind: 'ReplicaSet',
    shortNames: ['rs'],
    categories: ['all'],
    subresources: ['scale', 'status'],
  }),
  ReplicationController: defineHandle({
    kind: 'ReplicationController',
    shortNames: ['rc'],
    categories: ['all'],
    subresources: ['scale', 'status'],
  }),
  ResourceQuota: defineHandle({ kind: 'ResourceQuota', shortNames: ['quota'], subresources: ['status'] }),
  Role: defineHandle({ group: 'rbac.authorization.k8s.io', kind: 'Role' }),
  RoleBinding: defineHandle({ group: 'rbac.authorization.k8s.io', kind: 'RoleBinding' }),
  RuntimeClass: defineHandle({
    group: 'node.k8s.io',
    kind: 'RuntimeClass',
    plural: 'runtimeclasses',
    namespaced: false,
  }),
  Secret: defineHandle({ kind: 'Secret' }),
  Service: defineHandle({
    kind: 'Service',
    shortNames: ['svc'],
    categories: ['all'],
    subresources: ['status'],
  }),
  ServiceAccount: defineHandle({ kind: 'ServiceAccount', shortNames: ['sa'], subresources: ['token'] }),
  StatefulSet: defineHandle({
    group: 'apps',
    kind: 'StatefulSet',
    shortNames: ['sts'],
    categories: ['all'],
    subresources: ['scale', 'status'],
  }),
  StorageClass: defineHandle({
    group: 'storage.k8s.io',
    kind: 'StorageClass',
    plural: 'storageclasses',
    shortNames: ['sc'],
    namespaced: false,
  }),
  ValidatingAdmissionPolicy: defineHandle({
    group: 'admissionregistration.k8s.io',
    kind: 'ValidatingAdmissionPolicy',
    plural: 'validatingadmissionpolicies',
    namespaced: false,
    subresources: ['status'],
  }),
  ValidatingAdmissionPolicyBinding: defineHandle({
    group: 'admissionregistration.k8s.io',
    kind: 'ValidatingAdmissionPolicyBinding',
    namespaced: false,
  }),
  ValidatingWebhookConfiguration: defineHandle({
    group: 'admissionregistration.k8s.io',
    kind: 'ValidatingWebhookConfiguration',
    namespaced: false,
  }),
  VolumeAttachment: defineHandle({
    group: 'storage.k8s.io',
    kind: 'VolumeAttachment',
    namespaced: false,
    subresources: ['status'],
  }),
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

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
