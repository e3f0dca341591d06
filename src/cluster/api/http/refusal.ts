import { BowlineError, causesOf, type ErrorCode, isAborted } from '../../../base/index.ts'
import { StatusError, type StatusReason } from '../../../kube/index.ts'

/** Bowline's own conditions as Kubernetes names them; what is missing here is a bug. */
const REASONS: Partial<Record<ErrorCode, StatusReason>> = {
  'bad-input': 'BadRequest',
  'bad-manifest': 'BadRequest',
  compacted: 'Expired',
  conflict: 'Conflict',
  'not-found': 'NotFound',
  timeout: 'Timeout',
  unauthorized: 'Unauthorized',
  unavailable: 'ServiceUnavailable',
  unsupported: 'BadRequest',
}

/** The refusal that an error stands for; undefined when the error is a bug, of which a client is told nothing. */
export function refusalOf(error: unknown): StatusError | undefined {
  for (const cause of causesOf(error)) {
    if (cause instanceof StatusError) return cause
    const reason = cause instanceof BowlineError ? REASONS[cause.code] : undefined
    if (reason !== undefined) return new StatusError(reason, (cause as BowlineError).message)
  }
  return isAborted(error) ? new StatusError('ServiceUnavailable', 'the server is shutting down') : undefined
}

/** What a client learns of a bug. */
export function internalError(auditId: string): StatusError {
  return new StatusError(
    'InternalError',
    `Internal error occurred: the server's log tells more under the audit id ${auditId}`,
  )
}

/** What the log learns of a bug: the place, and the message but for parsers', which quote their input. */
export function describeBug(error: unknown): { readonly error: string; readonly stack: readonly string[] } {
  if (!(error instanceof Error)) return { error: typeof error, stack: [] }
  const frames = (error.stack ?? '').split('\n').filter(line => line.startsWith('    at '))
  const message = error instanceof SyntaxError ? '(message withheld)' : error.message
  return { error: `${error.name}: ${message}`, stack: frames.slice(0, 12).map(line => line.trim()) }
}
