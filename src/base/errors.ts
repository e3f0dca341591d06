/** What kind of condition a {@link BowlineError} is; callers branch on this, never on message text. */
export type ErrorCode =
  | 'aborted'
  | 'bad-config'
  | 'bad-input'
  | 'bad-manifest'
  | 'bad-repository'
  | 'compacted'
  | 'conflict'
  | 'corrupt'
  | 'internal'
  | 'not-found'
  | 'timeout'
  | 'unauthorized'
  | 'unavailable'
  | 'unsupported'

export interface BowlineErrorOptions {
  readonly cause?: unknown
  /** Plain values that help a person or a caller; never a secret. */
  readonly data?: Readonly<Record<string, unknown>>
  /** True when the same call may succeed later without anyone changing anything. Default false. */
  readonly retryable?: boolean
}

/**
 * The one error class of Bowline's own conditions (Kubernetes answers are `StatusError`s of `kube`).
 * The message reads "Cannot <verb> <subject>: <state>"; it holds no secret.
 */
export class BowlineError extends Error {
  readonly code: ErrorCode
  readonly data: Readonly<Record<string, unknown>>
  readonly retryable: boolean

  constructor(code: ErrorCode, message: string, options: BowlineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'BowlineError'
    this.code = code
    this.data = options.data ?? {}
    this.retryable = options.retryable ?? false
  }
}

/** Walks `error` and its causes, outermost first; ends on a cycle. */
export function* causesOf(error: unknown): Generator<unknown> {
  const seen = new Set<unknown>()
  for (
    let at = error;
    at !== undefined && at !== null && !seen.has(at);
    at = (at as { cause?: unknown }).cause
  ) {
    seen.add(at)
    yield at
  }
}

/** True when `error`, or what caused it, is a {@link BowlineError} of this code. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  for (const cause of causesOf(error)) if (cause instanceof BowlineError && cause.code === code) return true
  return false
}

/** True for what an aborted signal makes a call throw. Cancellation is not failure: never log it as an error. */
export function isAborted(error: unknown): boolean {
  for (const cause of causesOf(error)) {
    if (
      cause instanceof Error &&
      (cause.name === 'AbortError' || (cause as { code?: unknown }).code === 'ABORT_ERR')
    )
      return true
    if (cause instanceof BowlineError && cause.code === 'aborted') return true
  }
  return false
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
