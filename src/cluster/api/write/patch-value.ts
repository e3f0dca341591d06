import {
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  type Kind,
  schemaFor,
} from '../../../kube/index.ts'
import type { PatchRequest } from '../contract.ts'

/** What a patch makes of a value; a `StatusError` when it cannot be read or does not fit. */
export function patchValue(kind: Kind, value: unknown, patch: PatchRequest): unknown {
  if (patch.type === 'json') return applyJsonPatch(value, patch.body)
  if (patch.type === 'merge') return applyMergePatch(value, patch.body)
  return applyStrategicMergePatch(schemaFor(kind), value, patch.body)
}
