import { StatusError } from '../../../kube/index.ts'
import type { RequestContext } from '../contract.ts'
import type { ApiRequest } from './message.ts'

/** One authenticated request on its way through the handlers. */
export interface Exchange {
  readonly request: ApiRequest
  /** In upper case. */
  readonly method: string
  /** The path without the query, as it was sent. */
  readonly path: string
  /** Decoded and checked. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
  readonly context: RequestContext
}

/** The longest manager name that the API takes. */
const MAX_MANAGER = 128

/** The product part of a `User-Agent` (`kubectl-create/v1.32` → `kubectl-create`), which names writers that do not name themselves. */
export function productOf(userAgent: string | undefined): string {
  const product =
    (userAgent ?? '')
      .split('/', 1)[0]
      ?.replace(/[^\x20-\x7e]/g, '')
      .trim() ?? ''
  return product.slice(0, MAX_MANAGER) || 'unknown'
}

export function pathNotFound(): StatusError {
  return new StatusError('NotFound', 'the server could not find the requested resource')
}
