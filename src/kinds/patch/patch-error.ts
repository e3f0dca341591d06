import { StatusError } from '../../kube/index.ts'

/** The patch cannot be understood: 400, as apiserver answers to what it cannot decode. */
export function malformedPatch(message: string): StatusError {
  return new StatusError('BadRequest', message)
}

/**
 * The patch is understood but does not fit the object: 422. Upstream answers with this one message and drops the reason;
 * the reason is told as a cause here, which kubectl prints.
 */
export function inapplicablePatch(reason: string, field?: string): StatusError {
  return new StatusError('Invalid', 'the server rejected our request due to an error in our request', {
    causes: [
      { reason: 'UnexpectedServerResponse', message: reason, ...(field === undefined ? {} : { field }) },
    ],
  })
}
