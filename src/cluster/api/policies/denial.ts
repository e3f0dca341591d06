import { StatusError, type StatusReason } from '../../../kube/index.ts'
import { forbidden } from '../refusals.ts'
import type { PolicyRequest } from './policy-request.ts'

/** What a policy found, and by which binding it is in force. */
export interface Denial {
  readonly policy: string
  /** Undefined: the policy itself cannot be used. */
  readonly binding: string | undefined
  readonly message: string
  readonly reason: string | undefined
}

const REASONS: ReadonlySet<string> = new Set<StatusReason>([
  'Forbidden',
  'Invalid',
  'RequestEntityTooLarge',
  'Unauthorized',
])

/** The answer to a write that a policy denies (apiserver `plugin/policy/validating/dispatcher.go`). */
export function denialError({ kind, name }: PolicyRequest, denial: Denial): StatusError {
  const { policy, binding, message, reason = 'Invalid' } = denial
  const source =
    binding === undefined
      ? `ValidatingAdmissionPolicy '${policy}'`
      : `ValidatingAdmissionPolicy '${policy}' with binding '${binding}'`
  const why = `${source} denied request: ${message}`
  const sentence = forbidden(kind, name, why)
  return new StatusError(REASONS.has(reason) ? (reason as StatusReason) : 'Invalid', sentence.message, {
    ...sentence.details,
    causes: [{ message: why }],
  })
}
