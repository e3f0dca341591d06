import type { Overlay } from './markers.ts'
import { accessOverlay } from './overlay-access.ts'
import { admissionOverlay } from './overlay-admission.ts'
import { appsOverlay } from './overlay-apps.ts'
import { autoscalingOverlay } from './overlay-autoscaling.ts'
import { batchOverlay } from './overlay-batch.ts'
import { coreOverlay } from './overlay-core.ts'
import { customResourcesOverlay } from './overlay-custom-resources.ts'
import { flowcontrolOverlay } from './overlay-flowcontrol.ts'
import { metaOverlay } from './overlay-meta.ts'
import { networkOverlay } from './overlay-network.ts'
import { podOverlay } from './overlay-pod.ts'
import { storageOverlay } from './overlay-storage.ts'
import { systemOverlay } from './overlay-system.ts'

/**
 * Facts of the Kubernetes v1.32 API that its model metadata leaves out: how lists merge, what absent fields become, which values a
 * field takes. Every list of every served kind has a marker (`test/kinds/schema/overlay.test.ts`).
 */
export const overlay: Overlay = {
  ...metaOverlay,
  ...coreOverlay,
  ...podOverlay,
  ...appsOverlay,
  ...networkOverlay,
  ...storageOverlay,
  ...systemOverlay,
  ...batchOverlay,
  ...autoscalingOverlay,
  ...flowcontrolOverlay,
  ...admissionOverlay,
  ...accessOverlay,
  ...customResourcesOverlay,
}

/** The package of a model class whose name begins with its group: names that two groups have. */
export const prefixes: { readonly [prefix: string]: string } = {
  Admissionregistration: 'io.k8s.api.admissionregistration',
  Apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  Apiregistration: 'io.k8s.kube-aggregator.pkg.apis.apiregistration',
  Authentication: 'io.k8s.api.authentication',
  Core: 'io.k8s.api.core',
  Discovery: 'io.k8s.api.discovery',
  Events: 'io.k8s.api.events',
  Flowcontrol: 'io.k8s.api.flowcontrol',
  Rbac: 'io.k8s.api.rbac',
  Storage: 'io.k8s.api.storage',
}

/** The package of every other model class, by the name of the class without its version. Core is the default. */
export const packages: readonly { readonly names: RegExp; readonly package: string }[] = [
  { names: /^(Field|Label)SelectorAttributes/, package: 'io.k8s.api.authorization' },
  {
    names:
      /^(Condition$|DeleteOptions|FieldSelectorRequirement|LabelSelector|ListMeta|ManagedFieldsEntry|ObjectMeta|OwnerReference|Preconditions|Status)/,
    package: 'io.k8s.apimachinery.pkg.apis.meta',
  },
  {
    names: /^(ControllerRevision|DaemonSet|Deployment|ReplicaSet|RollingUpdate|StatefulSet)/,
    package: 'io.k8s.api.apps',
  },
  {
    names: /^(CronJob|Job|PodFailurePolicy|SuccessPolicy|UncountedTerminatedPods)/,
    package: 'io.k8s.api.batch',
  },
  {
    names: /^(Endpoint$|EndpointConditions|EndpointHints|EndpointSlice|ForZone)/,
    package: 'io.k8s.api.discovery',
  },
  {
    names: /^(HTTPIngress|Ingress|IPBlock|NetworkPolicy|ServiceBackendPort)/,
    package: 'io.k8s.api.networking',
  },
  {
    names:
      /^(CustomResource|ExternalDocumentation|JSONSchemaProps|SelectableField|ValidationRule|WebhookConversion)/,
    package: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions',
  },
  {
    names:
      /^(CSIDriver|CSINode|CSIStorageCapacity|StorageClass|VolumeAttachment|VolumeError|VolumeNodeResources)/,
    package: 'io.k8s.api.storage',
  },
  {
    names:
      /^(ContainerResourceMetric|CrossVersionObjectReference|ExternalMetric|HPAScaling|HorizontalPodAutoscaler|Metric|ObjectMetric|PodsMetric|ResourceMetric|Scale(Spec|Status)?$)/,
    package: 'io.k8s.api.autoscaling',
  },
  { names: /^CertificateSigningRequest/, package: 'io.k8s.api.certificates' },
  { names: /^Lease/, package: 'io.k8s.api.coordination' },
  { names: /^(Eviction|PodDisruptionBudget)/, package: 'io.k8s.api.policy' },
  { names: /^PriorityClass/, package: 'io.k8s.api.scheduling' },
  { names: /^(Overhead$|RuntimeClass|Scheduling$)/, package: 'io.k8s.api.node' },
  {
    names:
      /^(ExemptPriorityLevel|Flow|GroupSubject|LimitResponse|LimitedPriorityLevel|NonResourcePolicyRule|PolicyRulesWithSubjects|PriorityLevel|QueuingConfiguration|ResourcePolicyRule|ServiceAccountSubject|UserSubject)/,
    package: 'io.k8s.api.flowcontrol',
  },
  {
    names:
      /^(AuditAnnotation|ExpressionWarning|MatchCondition|MatchResources|MutatingWebhook|NamedRuleWithOperations|Param(Kind|Ref)$|RuleWithOperations|TypeChecking|Validating|Validation$|Variable$)/,
    package: 'io.k8s.api.admissionregistration',
  },
  { names: /^APIService/, package: 'io.k8s.kube-aggregator.pkg.apis.apiregistration' },
  { names: /^(AggregationRule|ClusterRole|PolicyRule|Role)/, package: 'io.k8s.api.rbac' },
  {
    names:
      /^(LocalSubjectAccess|NonResource(Attributes|Rule)|Resource(Attributes|Rule)|SelfSubject(Access|Rules)|Subject(Access|Rules))/,
    package: 'io.k8s.api.authorization',
  },
  {
    names: /^(BoundObjectReference|SelfSubjectReview|TokenRe|UserInfo)/,
    package: 'io.k8s.api.authentication',
  },
]

/** The model classes whose closure is generated; one line per kind that is served or read. */
export const roots: readonly string[] = [
  'AuthenticationV1TokenRequest',
  'CoreV1Event',
  'EventsV1Event',
  'V1APIService',
  'V1Binding',
  'V1CSIDriver',
  'V1CSINode',
  'V1CSIStorageCapacity',
  'V1CertificateSigningRequest',
  'V1ClusterRole',
  'V1ClusterRoleBinding',
  'V1ComponentStatus',
  'V1ConfigMap',
  'V1ControllerRevision',
  'V1CronJob',
  'V1CustomResourceDefinition',
  'V1DaemonSet',
  'V1DeleteOptions',
  'V1Deployment',
  'V1EndpointSlice',
  'V1Endpoints',
  'V1Eviction',
  'V1FlowSchema',
  'V1HorizontalPodAutoscaler',
  'V1Ingress',
  'V1IngressClass',
  'V1Job',
  'V1Lease',
  'V1LimitRange',
  'V1LocalSubjectAccessReview',
  'V1MutatingWebhookConfiguration',
  'V1Namespace',
  'V1NetworkPolicy',
  'V1Node',
  'V1PersistentVolume',
  'V1PersistentVolumeClaim',
  'V1Pod',
  'V1PodDisruptionBudget',
  'V1PodTemplate',
  'V1PriorityClass',
  'V1PriorityLevelConfiguration',
  'V1ReplicaSet',
  'V1ReplicationController',
  'V1ResourceQuota',
  'V1Role',
  'V1RoleBinding',
  'V1RuntimeClass',
  'V1Scale',
  'V1Secret',
  'V1SelfSubjectAccessReview',
  'V1SelfSubjectReview',
  'V1SelfSubjectRulesReview',
  'V1Service',
  'V1ServiceAccount',
  'V1StatefulSet',
  'V1Status',
  'V1StorageClass',
  'V1SubjectAccessReview',
  'V1TokenReview',
  'V1ValidatingAdmissionPolicy',
  'V1ValidatingAdmissionPolicyBinding',
  'V1ValidatingWebhookConfiguration',
  'V1VolumeAttachment',
  'V2HorizontalPodAutoscaler',
]
