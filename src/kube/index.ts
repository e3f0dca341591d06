/**
 * Kubernetes' own vocabulary as data and pure functions: objects, kinds, schemas, defaulting, validation, patches and
 * server-side apply, selectors, quantities, health, and the YAML door. No I/O, no clock, no chance.
 */
export {
  apiPath,
  apiVersionOf,
  type Kind,
  registryKey,
  registryPrefix,
  resourceName,
  type Verb,
} from './kind.ts'
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
  splitKey,
} from './object.ts'
export {
  isAlreadyExists,
  isConflict,
  isGone,
  isNotFound,
  isTransient,
  type Status,
  type StatusCause,
  type StatusDetails,
  StatusError,
  type StatusReason,
} from './status-error.ts'
