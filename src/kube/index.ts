/**
 * Kubernetes' own vocabulary as data and pure functions: objects, kinds, schemas, defaulting, validation, patches and
 * server-side apply, selectors, quantities, health, and the YAML door. No I/O, no clock, no chance.
 */

export {
  compareDiagnostics,
  type Diagnostic,
  type DiagnosticCode,
  describePosition,
  excerptOf,
  type TextPosition,
} from './diagnostic.ts'
export { type FieldStep, parseFieldPath } from './field-path.ts'
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
  createFieldLocator,
  type FieldLocator,
  MANIFEST_PARSER_VERSION,
  type ManifestDocument,
  mayHoldSecrets,
  type ParsedManifest,
  type ParsedManifests,
  type ParsedProblem,
  parseManifests,
  parseManifestText,
} from './manifest.ts'
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
export { applyJsonPatch } from './patch/json-patch.ts'
export { applyMergePatch } from './patch/merge-patch.ts'
export { applyStrategicMergePatch } from './patch/strategic-merge-patch.ts'
export {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  type QuantityFormat,
  quantityProblem,
  quantityToMilli,
  quantityToNumber,
} from './quantity.ts'
export {
  type FieldRequirement,
  formatFieldSelector,
  matchesFields,
  parseFieldSelector,
} from './selectors/field-selector.ts'
export { parseLabelSelector } from './selectors/label-parser.ts'
export {
  formatLabelSelector,
  type LabelOperator,
  type LabelRequirement,
  type LabelSelector,
  type LabelSelectorObject,
  type Labels,
  labelSelectorFromObject,
  matchesLabels,
  newLabelRequirement,
} from './selectors/label-selector.ts'
export { labelKeyProblems, labelValueProblems } from './selectors/label-syntax.ts'
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
export { formatMicroTime, formatTime, parseTime } from './timestamp.ts'
export {
  parseYaml,
  parseYamlValue,
  stringifyYaml,
  type YamlDocument,
  type YamlLimits,
  type YamlProblem,
  type YamlText,
  yamlLimits,
} from './yaml.ts'
