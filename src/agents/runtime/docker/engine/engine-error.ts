import { BowlineError, type ErrorCode, isAborted, messageOf } from '../../../../base/index.ts'

/**
 * An engine's refusal, or its absence, as a {@link BowlineError}: no answer at all is `unavailable` and retryable.
 * `action` completes "Cannot …"; the engine's own words follow.
 */
export function engineError(action: string, error: unknown): BowlineError {
  if (error instanceof BowlineError) return error
  if (isAborted(error)) return new BowlineError('aborted', `Cannot ${action}: aborted`, { cause: error })
  const status = statusOf(error)
  if (status === undefined)
    return new BowlineError(
      'unavailable',
      `Cannot ${action}: the engine does not answer (${messageOf(error)})`,
      { cause: error, retryable: true },
    )
  const { code, retryable } = meaningOf(status)
  return new BowlineError(code, `Cannot ${action}: ${reasonOf(error)}`, {
    cause: error,
    retryable,
    data: { status },
  })
}

/** The HTTP status of an engine's refusal; undefined when the engine did not answer. */
export function statusOf(error: unknown): number | undefined {
  const source = error instanceof BowlineError ? error.data.status : (error as EngineAnswer)?.statusCode
  return typeof source === 'number' ? source : undefined
}

/** What docker-modem throws for an answer that is not a success. */
interface EngineAnswer {
  readonly statusCode?: number
  readonly json?: { readonly message?: unknown } | null
}

function meaningOf(status: number): { code: ErrorCode; retryable: boolean } {
  if (status === 400) return { code: 'bad-config', retryable: false }
  if (status === 401 || status === 403) return { code: 'unauthorized', retryable: false }
  if (status === 404) return { code: 'not-found', retryable: false }
  if (status === 409) return { code: 'conflict', retryable: true }
  if (status === 502 || status === 503) return { code: 'unavailable', retryable: true }
  // 500 is the engine's word for whatever went wrong on the host: a port in use, a runtime that failed.
  return { code: 'internal', retryable: true }
}

/** The engine's own words. */
export function reasonOf(error: unknown): string {
  const message = (error as EngineAnswer).json?.message
  if (typeof message === 'string' && message !== '') return message.trim()
  // Streams carry the reason in the text only: "(HTTP code 404) unexpected - No such container: x ".
  return messageOf(error)
    .replace(/^\(HTTP code \d+\) [^-]*- /, '')
    .trim()
}
