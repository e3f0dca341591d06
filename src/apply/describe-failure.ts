import { messageOf } from '../base/index.ts'
import { groupOf, type ObjectRef, StatusError } from '../kube/index.ts'

/**
 * Why a write was refused, in the server's words. A refused Secret is told by its fields alone: the words about them may
 * quote their values.
 */
export function describeFailure(ref: ObjectRef, error: unknown): string {
  const message = messageOf(error)
  if (ref.kind !== 'Secret' || groupOf(ref.apiVersion) !== '') return message
  if (!(error instanceof StatusError) || (error.reason !== 'Invalid' && error.reason !== 'BadRequest'))
    return message
  const fields = (error.details.causes ?? []).flatMap(({ field }) => field ?? [])
  const where = fields.length === 0 ? '' : `: ${[...new Set(fields)].join(', ')}`
  return `Secret "${ref.name}" is refused as ${error.reason}${where}`
}
