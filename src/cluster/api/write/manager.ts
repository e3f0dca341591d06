import { StatusError } from '../../../kube/index.ts'
import type { MutationOptions, RequestContext } from '../contract.ts'

/** Longest name of a field manager (apimachinery `meta/v1/validation`, `FieldManagerMaxLength`). */
const MAX_LENGTH = 128

/** Whom the fields of an apply belong to: it must say so. */
export function applierOf(options: MutationOptions, context: RequestContext): string {
  if (options.fieldManager !== '') return managerOf(options, context)
  throw new StatusError(
    'Invalid',
    'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    { group: 'meta.k8s.io', kind: 'PatchOptions' },
  )
}

/** Whom the fields of a write belong to: the manager that it names, else the first part of the user agent. */
export function managerOf(options: MutationOptions, context: RequestContext): string {
  if (options.fieldManager === '') return (context.userAgent.split('/')[0] || 'unknown').slice(0, MAX_LENGTH)
  if (options.fieldManager.length > MAX_LENGTH || /[^\x20-\x7e]/.test(options.fieldManager))
    throw new StatusError(
      'BadRequest',
      `fieldManager: Invalid value: must be at most ${MAX_LENGTH} printable characters`,
    )
  return options.fieldManager
}
