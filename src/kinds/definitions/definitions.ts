import { apiVersionOf, type Kind } from '../../kube/index.ts'
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
import { passingDefinitions } from './reviews.ts'
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

/** One for each of `Kinds`. */
const definitions: readonly Kind[] = [
  apiServiceKind,
  appKind,
  certificateSigningRequestKind,
  clusterRoleKind,
  clusterRoleBindingKind,
  configMapKind,
  controllerRevisionKind,
  cronJobKind,
  csiDriverKind,
  csiNodeKind,
  csiStorageCapacityKind,
  customResourceDefinitionKind,
  daemonSetKind,
  deploymentKind,
  endpointSliceKind,
  endpointsKind,
  eventKind,
  eventsEventKind,
  flowSchemaKind,
  horizontalPodAutoscalerKind,
  horizontalPodAutoscalerV1Kind,
  ingressKind,
  ingressClassKind,
  jobKind,
  leaseKind,
  limitRangeKind,
  namespaceKind,
  networkPolicyKind,
  nodeKind,
  persistentVolumeKind,
  persistentVolumeClaimKind,
  podKind,
  podDisruptionBudgetKind,
  podTemplateKind,
  policyEndpointsKind,
  priorityClassKind,
  priorityLevelConfigurationKind,
  recordKind,
  replicaSetKind,
  replicationControllerKind,
  resourceQuotaKind,
  roleKind,
  roleBindingKind,
  runtimeClassKind,
  secretKind,
  serviceKind,
  serviceAccountKind,
  statefulSetKind,
  storageClassKind,
  validatingAdmissionPolicyBindingKind,
  validatingAdmissionPolicyKind,
  volumeAttachmentKind,
  mutatingWebhookConfigurationKind,
  validatingWebhookConfigurationKind,
  ...passingDefinitions,
]

const byKind = new Map(
  definitions.map(kind => [`${apiVersionOf(kind)}/${kind.kind}`, kind as KindDefinition]),
)

/** The same by the handle itself, of which there are a few for each kind. */
const byHandle = new WeakMap<Kind, KindDefinition>()

/** What is special about a kind. The handle of a custom kind holds it; that of any other is found by its name. */
export function definitionOf(kind: Kind): KindDefinition {
  if ('rules' in kind) return kind as KindDefinition
  const known = byHandle.get(kind)
  if (known !== undefined) return known
  const found = byKind.get(`${apiVersionOf(kind)}/${kind.kind}`)
  if (found === undefined)
    throw new RangeError(
      `Cannot find the definition of kind ${apiVersionOf(kind)} ${kind.kind}: it is not served`,
    )
  byHandle.set(kind, found)
  return found
}
