/**
 * What the objects of each kind must be and become: schemas, defaults, validation, how writes merge (server-side apply and patches),
 * columns, health, the kinds that users define, and what discovery and OpenAPI say of all of them. No I/O, no clock, no chance.
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
export { customKinds, isSameKind, storageKind } from './custom/custom-kind.ts'
export { applyDefaults, schemaFor } from './definitions/defaults.ts'
export { fieldValue, selectableFields } from './definitions/fields.ts'
export { inertReason } from './definitions/inert.ts'
export { builtInKinds, type KindView, withDefinitions } from './definitions/kind-view.ts'
export { leavesAlone, prepareForCreate, prepareForUpdate, readsApart } from './definitions/prepare.ts'
export { SYSTEM_PRIORITY_CLASSES } from './definitions/priority-class.ts'
export { readScale, scaleTable, writeScale } from './definitions/scale.ts'
export { fromStoredVersion, toStoredVersion } from './definitions/stored-version.ts'
export { tableColumns, tableRow } from './definitions/table.ts'
export { findTypeProblems, findUnknownFields, validateObject } from './definitions/validate.ts'
export { fromStored, storedKindOf, toStored } from './definitions/views.ts'
export { aggregatedDiscovery } from './discovery/aggregated.ts'
export { type GroupVersion, groupVersionsOf } from './discovery/groups.ts'
export { coreVersions, groupDocument, groupList, resourceList } from './discovery/plain.ts'
export { DEFINED_GROUP_PRIORITY, type GroupVersionPriority, priorityOf } from './discovery/priorities.ts'
export { type Subresource, subresourcesOf } from './discovery/subresources.ts'
export { equalValues } from './equality.ts'
export { type Health, hasOwnHealth, healthOf } from './health/health.ts'
export { openApiIndex, openApiPaths, openApiV3 } from './openapi/documents.ts'
export { type OpenApiV2Part, openApiV2Parts } from './openapi/swagger.ts'
export { applyJsonPatch } from './patch/json-patch.ts'
export { applyMergePatch } from './patch/merge-patch.ts'
export { applyStrategicMergePatch } from './patch/strategic-merge-patch.ts'
export { claimLimitProblems, podLimitProblems, withDefaultLimits } from './pod/limit-ranges.ts'
export { excessProblem, increaseOf, unspecifiedProblem } from './quota/check.ts'
export { Tally } from './quota/tally.ts'
export { isInScopes, type QuotaTerms, quotaTerms } from './quota/terms.ts'
export { type Usage, usageOf } from './quota/usage.ts'
export { type GroupVersionKind, type ListType, resolveSchema, type Schema } from './schema/schema.ts'
export { itemSchema, listTypeOf, mapKeysOf, mapKeyValues, memberSchema } from './schema-shape.ts'
export {
  hasClusterIp,
  hasHealthCheckPort,
  hasNodePorts,
  isHeadless,
  wantsNodePorts,
} from './service/service-type.ts'
export { validateClusterIps } from './service/validate-addresses.ts'
export type { Cell, TableColumn } from './table/columns.ts'
export {
  type CauseType,
  type FieldProblem,
  formatProblem,
  invalidError,
  Problems,
  undecodableError,
} from './validation/problems.ts'
