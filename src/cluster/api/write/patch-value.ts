import { isObject } from '../../../base/index.ts'
import { applyJsonPatch, applyMergePatch, applyStrategicMergePatch, schemaFor } from '../../../kinds/index.ts'
import { isCustomKind, type Kind, StatusError } from '../../../kube/index.ts'
import type { PatchRequest } from '../contract.ts'

/** What a patch makes of a value; a `StatusError` when it cannot be read or does not fit. */
export function patchValue(kind: Kind, value: unknown, patch: PatchRequest): unknown {
  if (patch.type === 'json') return applyJsonPatch(value, patch.body)
  if (patch.type === 'merge') return applyMergePatch(value, patch.body)
  // Only the models of the built-in kinds say how a strategic patch merges.
  if (isCustomKind(kind) && isObject(value) && value.kind === kind.kind)
    throw new StatusError(
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    )
  return applyStrategicMergePatch(schemaFor(kind), value, patch.body)
}
