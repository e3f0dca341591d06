/**
 * Kubernetes' own vocabulary as data and pure functions: objects, kinds, schemas, defaulting, validation, patches and
 * server-side apply, selectors, quantities, health, and the YAML door. No I/O, no clock, no chance.
 */

export { applyConflictError, type FieldConflict } from './apply/field-conflict.ts'
export { LAST_APPLIED_ANNOTATION } from './apply/last-applied.ts'
export { type ApplyInput, type ApplyResult, serverSideApply } from './apply/server-side-apply.ts'
export { trackUpdate, type UpdateInput } from './apply/track-update.ts'
export type { AccessAnswer, AccessQuestion } from './cel/admission/authorizer.ts'
export { CompiledPolicy, type PolicyFailure } from './cel/admission/policy.ts'
export { typeCheckPolicy } from './cel/admission/type-check.ts'
export { celValue } from './cel/admission/values.ts'
export { Meter } from './cel/meter.ts'
export { acceptNames } from './custom/accept-names.ts'
export { CUSTOM_RESOURCE_CLEANUP, hasCondition, isEstablished, withCondition } from './custom/conditions.ts'
export { type CustomKind, customKinds, isCustomKind, isSameKind, storageKind } from './custom/custom-kind.ts'
export {
  compareDiagnostics,
  type Diagnostic,
  type DiagnosticCode,
  describePosition,
  excerptOf,
  type TextPosition,
} from './diagnostic.ts'
export { aggregatedDiscovery } from './discovery/aggregated.ts'
export { coreVersions, groupDocument, groupList, resourceList } from './discovery/plain.ts'
export { type Subresource, subresourcesOf } from './discovery/subresources.ts'
export { type EqualityOptions, equalValues } from './equality.ts'
export { type FieldStep, parseFieldPath } from './field-path.ts'
export type {
  Affinity,
  App,
  AppCommit,
  AppCondition,
  AppDiagnostic,
  AppSource,
  AppSpec,
  AppStatus,
  Binding,
  BoundObjectReference,
  Capabilities,
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
  CertificateSigningRequestSpec,
  CertificateSigningRequestStatus,
  ChangeCounts,
  ClusterRole,
  ClusterRoleBinding,
  ConfigMap,
  ConfigMapKeySelector,
  Container,
  ContainerPort,
  ContainerState,
  ContainerStateRunning,
  ContainerStateTerminated,
  ContainerStateWaiting,
  ContainerStatus,
  ControllerRevision,
  CustomResourceDefinition,
  DeleteOptions,
  Deployment,
  DeploymentCondition,
  DeploymentSpec,
  DeploymentStatus,
  DeploymentStrategy,
  DownwardAPIVolumeFile,
  Endpoint,
  EndpointAddress,
  EndpointConditions,
  EndpointPort,
  EndpointSlice,
  EndpointSlicePort,
  EndpointSubset,
  Endpoints,
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  EventObject,
  EventSource,
  ExecAction,
  HostPathVolumeSource,
  HTTPGetAction,
  HTTPIngressPath,
  HTTPIngressRuleValue,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressRule,
  IngressServiceBackend,
  IngressSpec,
  IngressTLS,
  IPBlock,
  KeyToPath,
  Lease,
  LeaseSpec,
  Lifecycle,
  LifecycleHandler,
  LimitRange,
  LoadBalancerIngress,
  LoadBalancerStatus,
  LocalObjectReference,
  LocalSubjectAccessReview,
  MatchResources,
  NamedRuleWithOperations,
  Namespace,
  NamespaceCondition,
  NamespaceSpec,
  NamespaceStatus,
  NetworkPolicy,
  NetworkPolicyEgressRule,
  NetworkPolicyIngressRule,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
  NFSVolumeSource,
  Node,
  NodeAddress,
  NodeCondition,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  NodeSpec,
  NodeStatus,
  NodeSystemInfo,
  NonResourceAttributes,
  ObjectFieldSelector,
  ObjectReference,
  ParamKind,
  ParamRef,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimStatus,
  PersistentVolumeSpec,
  PersistentVolumeStatus,
  PlanHold,
  Pod,
  PodCondition,
  PodDNSConfig,
  PodSecurityContext,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  PolicyAllowance,
  PolicyEndpoints,
  PolicyEndpointsPort,
  PolicyEndpointsSpec,
  PolicyIsolation,
  PolicyRule,
  PriorityClass,
  Probe,
  RecordChange,
  RecordCommit,
  RecordContainerEvent,
  RecordFieldChange,
  RecordHealth,
  RecordObject,
  RecordObjectReference,
  RecordPlan,
  RecordPlannedChange,
  RecordSignature,
  RecordSource,
  RecordSpec,
  RecordStatus,
  ReplicaSet,
  ReplicaSetCondition,
  ReplicaSetSpec,
  ReplicaSetStatus,
  ResourceAttributes,
  ResourceFieldSelector,
  ResourceRequirements,
  Role,
  RoleBinding,
  RoleRef,
  RollingUpdateDeployment,
  Scale,
  Secret,
  SecretKeySelector,
  SecurityContext,
  SelfSubjectAccessReview,
  SelfSubjectRulesReview,
  Service,
  ServiceAccount,
  ServiceAccountTokenProjection,
  ServiceBackendPort,
  ServicePort,
  ServiceSpec,
  ServiceStatus,
  StatefulSet,
  StatefulSetCondition,
  StatefulSetSpec,
  StatefulSetStatus,
  StatefulSetUpdateStrategy,
  StorageClass,
  Subject,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  Taint,
  TCPSocketAction,
  TokenRequest,
  TokenReview,
  Toleration,
  TopologySpreadConstraint,
  UserInfo,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Volume,
  VolumeMount,
  VolumeNodeAffinity,
  VolumeProjection,
} from './generated/types.ts'
export { type Health, hasOwnHealth, healthOf } from './health/health.ts'
export { backendPort } from './ingress/backend-port.ts'
export {
  ACME_CHALLENGES,
  CHALLENGES_ANSWERED_ANNOTATION,
  challengesDigest,
  challengesOf,
} from './ingress/challenges.ts'
export { INGRESS_CONDITION } from './ingress/condition.ts'
export {
  type IngressProblem,
  type IngressRoute,
  type RouteTable,
  routeTable,
} from './ingress/route-table.ts'
export {
  DEFAULT_CLASS_ANNOTATION,
  INGRESS_CLASS,
  INGRESS_CONTROLLER,
  IngressAnnotations,
  LEGACY_CLASS_ANNOTATION,
  servedIngresses,
} from './ingress/served.ts'
export { type TlsClaim, tlsClaims, tlsSecrets, tlsSecretsFor } from './ingress/tls.ts'
export {
  apiPath,
  apiVersionOf,
  type Kind,
  registryKey,
  registryPrefix,
  resourceName,
  type Verb,
} from './kind.ts'
export { applyDefaults, schemaFor } from './kinds/defaults.ts'
export { fieldValue, selectableFields } from './kinds/fields.ts'
export { inertReason } from './kinds/inert.ts'
export { builtInKinds, type KindView, withDefinitions } from './kinds/kind-view.ts'
export { allKinds, findKind, findResource, Kinds, storedKinds } from './kinds/kinds.ts'
export { prepareForCreate, prepareForUpdate } from './kinds/prepare.ts'
export { SYSTEM_PRIORITY_CLASSES } from './kinds/priority-class.ts'
export { Reviews, tokenRequestKind } from './kinds/reviews.ts'
export { readScale, writeScale } from './kinds/scale.ts'
export { DEFAULT_STORAGE_CLASS } from './kinds/storage-class.ts'
export { fromStoredVersion, toStoredVersion } from './kinds/stored-version.ts'
export { tableColumns, tableRow } from './kinds/table.ts'
export { findTypeProblems, findUnknownFields, validateObject } from './kinds/validate.ts'
export { fromStored, storedKindOf, toStored } from './kinds/views.ts'
export {
  createFieldLocator,
  type FieldLocator,
  MANIFEST_PARSER_VERSION,
  type ManifestDocument,
  mayHoldSecrets,
  type ParsedManifest,
  type ParsedManifests,
  type ParsedProblem,
  parseManifestText,
} from './manifest.ts'
export {
  DEFAULT_NETWORK,
  LINK_MODES,
  type LinkMode,
  type NodeNetwork,
  networkAnnotations,
  nodeNetworkOf,
} from './node-network.ts'
export { matchesNodeSelector, matchesNodeSelectorTerm } from './node-selector.ts'
export {
  type Condition,
  describeRef,
  groupOf,
  type KubeObject,
  type ManagedFieldsEntry,
  type ObjectMeta,
  type ObjectRef,
  type OwnerReference,
  objectKey,
  refKey,
  refOf,
} from './object.ts'
export { openApiIndex, openApiPaths, openApiV3 } from './openapi/documents.ts'
export { openApiV2 } from './openapi/swagger.ts'
export { applyJsonPatch } from './patch/json-patch.ts'
export { applyMergePatch } from './patch/merge-patch.ts'
export { applyStrategicMergePatch } from './patch/strategic-merge-patch.ts'
export { imageTag } from './pod/image.ts'
export { isLeaving, LEAVING_ANNOTATION } from './pod/leaving.ts'
export { claimLimitProblems, podLimitProblems, withDefaultLimits } from './pod/limit-ranges.ts'
export { type NodeResource, podReferences } from './pod/references.ts'
export { ROOT_CA_CONFIG_MAP, TOKEN_MOUNT_PATH } from './pod/service-account-volume.ts'
export { type PodSummary, summarizePod } from './pod/summary.ts'
export { podRequests, type ResourceAmounts, resourceAmounts } from './pod-requests.ts'
export {
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  type QuantityFormat,
  quantityProblem,
  quantityToNumber,
} from './quantity.ts'
export { combinationsIn, missingRules, uncoveredRules } from './rbac/missing-rules.ts'
export { type Action, ruleAllows } from './rbac/rule-allows.ts'
export {
  describeRule,
  RBAC_GROUP,
  serviceAccountGroups,
  serviceAccountOf,
  serviceAccountUser,
} from './rbac/words.ts'
export {
  type GroupVersionKind,
  type ListType,
  resolveSchema,
  type Schema,
} from './schema/schema.ts'
export { itemSchema, listTypeOf, mapKeysOf, mapKeyValues, memberSchema } from './schema-shape.ts'
export {
  type FieldRequirement,
  matchesFields,
  parseFieldSelector,
} from './selectors/field-selector.ts'
export { parseLabelSelector } from './selectors/label-parser.ts'
export {
  type LabelOperator,
  type LabelRequirement,
  type LabelSelector,
  type LabelSelectorObject,
  type Labels,
  labelSelectorFromObject,
  matchesLabels,
} from './selectors/label-selector.ts'
export { SERVER_SET_METADATA } from './server-set.ts'
export {
  hasClusterIp,
  hasHealthCheckPort,
  hasNodePorts,
  isHeadless,
  wantsNodePorts,
} from './service/service-type.ts'
export { validateClusterIps } from './service/validate-addresses.ts'
export {
  isAlreadyExists,
  isConflict,
  isForbidden,
  isGone,
  isNodeRemoved,
  isNotFound,
  isTransient,
  nodeRemovedError,
  type Status,
  type StatusCause,
  type StatusDetails,
  StatusError,
  type StatusReason,
} from './status-error.ts'
export {
  claimKeyOf,
  claimNameOf,
  claimNamesOf,
  classNameOf,
  defaultClassOf,
  folderNodeOf,
  namesClaim,
  namesNoClass,
} from './storage/claims.ts'
export {
  findMatchingVolume,
  isTooSmall,
  type MatchOptions,
  mismatchOf,
  reachesVolume,
} from './storage/match-volume.ts'
export { type MoveState, type MovingVolume, moveStateOf } from './storage/move-state.ts'
export {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  CLAIM_PROTECTION,
  DOCKER_DRIVER,
  FOLDER_FINALIZER,
  FROM_SNAPSHOT,
  HELD,
  HOSTNAME_LABEL,
  LOCAL_CLASS,
  LOCAL_DRIVER,
  LOCAL_PROVISIONER,
  MOVE_CONFIRMED,
  MOVE_STATE,
  MOVE_TO,
  NODE_ATTRIBUTE,
  PROVISIONED_BY,
  SELECTED_NODE,
  VOLUME_PROTECTION,
} from './storage/words.ts'
export type { Cell, TableColumn } from './table/columns.ts'
export { formatAge } from './table/duration.ts'
export { formatMicroTime, formatTime, parseTime } from './timestamp.ts'
export { findUntoleratedTaint, tolerates } from './tolerations.ts'
export {
  type CauseType,
  type FieldProblem,
  formatProblem,
  invalidError,
  Problems,
  undecodableError,
} from './validation/problems.ts'
export {
  parseYaml,
  parseYamlValue,
  type YamlDocument,
  type YamlLimits,
  type YamlProblem,
  type YamlText,
  yamlLimits,
} from './yaml.ts'
