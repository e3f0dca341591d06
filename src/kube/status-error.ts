import { causesOf } from '../base/index.ts'

/** The reasons of `metav1.Status` that Bowline answers with (apimachinery `pkg/apis/meta/v1/types.go`). */
export type StatusReason =
  | 'AlreadyExists'
  | 'BadRequest'
  | 'Conflict'
  | 'Expired'
  | 'Forbidden'
  | 'Gone'
  | 'InternalError'
  | 'Invalid'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'NotFound'
  | 'RequestEntityTooLarge'
  | 'ServiceUnavailable'
  | 'Timeout'
  | 'TooManyRequests'
  | 'Unauthorized'
  | 'UnsupportedMediaType'

/** One field's problem in a `Status`; `field` is a path such as `spec.template.spec.containers[0].image`. */
export interface StatusCause {
  readonly reason?: string
  readonly message: string
  readonly field?: string
}

export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

/** `metav1.Status`, the body of every refusal. */
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: { readonly [key: string]: unknown }
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: string
  readonly details?: StatusDetails
  readonly code?: number
}

const HTTP_CODES: Readonly<Record<StatusReason, number>> = {
  AlreadyExists: 409,
  BadRequest: 400,
  Conflict: 409,
  Expired: 410,
  Forbidden: 403,
  Gone: 410,
  InternalError: 500,
  Invalid: 422,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  NotFound: 404,
  RequestEntityTooLarge: 413,
  ServiceUnavailable: 503,
  Timeout: 504,
  TooManyRequests: 429,
  Unauthorized: 401,
  UnsupportedMediaType: 415,
}

export interface StatusErrorOptions extends ErrorOptions {
  /** Where a list whose version is gone may go on, at the newest version (`metadata.continue`). */
  readonly continue?: string
}

/** A Kubernetes refusal, in process and over HTTPS alike. */
export class StatusError extends Error {
  readonly reason: StatusReason
  readonly code: number
  readonly details: StatusDetails
  /** Empty for most refusals. */
  readonly continue: string

  constructor(
    reason: StatusReason,
    message: string,
    details: StatusDetails = {},
    options: StatusErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'StatusError'
    this.reason = reason
    this.code = HTTP_CODES[reason]
    this.details = details
    this.continue = options.continue ?? ''
  }

  /** The body to answer with. */
  toStatus(): Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continue === '' ? {} : { continue: this.continue },
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      details: this.details,
      code: this.code,
    }
  }

  /** The error that a server's `Status` stands for. Unknown reasons are judged by their HTTP code. */
  static fromStatus(status: Status): StatusError {
    const reason = isReason(status.reason) ? status.reason : reasonOfCode(status.code ?? 500)
    const token = status.metadata?.continue
    const options = typeof token === 'string' ? { continue: token } : {}
    return new StatusError(reason, status.message ?? 'unknown error', status.details ?? {}, options)
  }
}

function isReason(text: string | undefined): text is StatusReason {
  return text !== undefined && Object.hasOwn(HTTP_CODES, text)
}

function reasonOfCode(code: number): StatusReason {
  const found = (Object.keys(HTTP_CODES) as StatusReason[]).find(reason => HTTP_CODES[reason] === code)
  return found ?? (code >= 500 ? 'InternalError' : 'BadRequest')
}

function hasReason(error: unknown, ...reasons: readonly StatusReason[]): boolean {
  for (const cause of causesOf(error)) if (cause instanceof StatusError) return reasons.includes(cause.reason)
  return false
}

/** The requester may not do what was asked. */
export function isForbidden(error: unknown): boolean {
  return hasReason(error, 'Forbidden')
}

/** The object is not there. */
export function isNotFound(error: unknown): boolean {
  return hasReason(error, 'NotFound')
}

/** Someone else wrote first, or another manager owns a field: read again and decide anew. */
export function isConflict(error: unknown): boolean {
  return hasReason(error, 'Conflict')
}

/** The object is there already. */
export function isAlreadyExists(error: unknown): boolean {
  return hasReason(error, 'AlreadyExists')
}

/** The resourceVersion of a list or watch is too old: list again. */
export function isGone(error: unknown): boolean {
  return hasReason(error, 'Gone', 'Expired')
}

/** What a server answers to an agent whose Node was deleted: the certificate that it has counts no more. */
export function nodeRemovedError(nodeName: string): StatusError {
  const message = `node "${nodeName}" was removed from the cluster: its certificate counts no more`
  const causes = [{ reason: NODE_REMOVED, message }]
  return new StatusError('Forbidden', message, { name: nodeName, kind: 'nodes', causes })
}

const NODE_REMOVED = 'NodeRemoved'

/** This agent's Node was deleted, by the word of its server. */
export function isNodeRemoved(error: unknown): boolean {
  for (const cause of causesOf(error))
    if (cause instanceof StatusError && cause.details.causes?.some(({ reason }) => reason === NODE_REMOVED))
      return true
  return false
}

/** The server may answer the same request later without anyone changing anything. */
export function isTransient(error: unknown): boolean {
  return hasReason(error, 'InternalError', 'ServiceUnavailable', 'Timeout', 'TooManyRequests')
}
