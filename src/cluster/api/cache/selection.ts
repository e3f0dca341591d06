import { fieldValue, fromStored, selectableFields } from '../../../kinds/index.ts'
import {
  type FieldRequirement,
  type Kind,
  type KubeObject,
  type LabelSelector,
  matchesFields,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
  registryPrefix,
  StatusError,
} from '../../../kube/index.ts'

/** Which objects of a kind a list or watch wants. */
export interface Selection {
  readonly kind: Kind
  /** The same for selections of a kind that are asked for in the same words. */
  readonly text: string
  /** Where they are in the store; ends in `/`. */
  readonly prefix: string
  readonly labels: LabelSelector
  readonly fields: readonly FieldRequirement[]
  /** False when every object under the prefix is wanted. */
  readonly isNarrow: boolean
  matches(object: KubeObject): boolean
}

/** Reads the selectors of a query; a `StatusError` of reason BadRequest for one that cannot be read or a field that is not selectable. */
export function selectionOf(
  kind: Kind,
  query: { readonly namespace: string; readonly labelSelector: string; readonly fieldSelector: string },
): Selection {
  const labels = parseLabelSelector(query.labelSelector)
  const fields = parseFieldSelector(query.fieldSelector)
  const known = selectableFields(kind)
  for (const { field } of fields)
    if (!known.includes(field)) throw new StatusError('BadRequest', `field label not supported: ${field}`)
  const isNarrow = labels.requirements.length > 0 || labels.matchesNothing || fields.length > 0
  const prefix = registryPrefix(kind, query.namespace)
  return {
    kind,
    text: JSON.stringify([prefix, query.labelSelector, query.fieldSelector]),
    prefix,
    labels,
    fields,
    isNarrow,
    matches: object =>
      matchesLabels(labels, object.metadata.labels) &&
      matchesFields(fields, field => fieldValue(kind, fromStored(kind, object), field)),
  }
}

/** The value that a field must have, when a requirement says so. */
export function requiredValue(selection: Selection, field: string): string | undefined {
  return selection.fields.find(requirement => requirement.field === field && requirement.operator === '=')
    ?.value
}
