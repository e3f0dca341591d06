import { type Kind, resourceName, StatusError } from '../../kube/index.ts'
import type { Attributes } from './contract.ts'

/** The refusals of the verbs, in upstream's words (apimachinery `pkg/api/errors/errors.go`). */

export function notFound(kind: Kind, name: string): StatusError {
  return new StatusError('NotFound', `${resourceName(kind)} "${name}" not found`, detailsOf(kind, name))
}

export function alreadyExists(kind: Kind, name: string): StatusError {
  return new StatusError(
    'AlreadyExists',
    `${resourceName(kind)} "${name}" already exists`,
    detailsOf(kind, name),
  )
}

/** 409 for a write that rests on an old state. */
export function conflict(kind: Kind, name: string, why: string, subresource = ''): StatusError {
  const resource = subresource === '' ? resourceName(kind) : `${resourceName(kind)}/${subresource}`
  return new StatusError(
    'Conflict',
    `Operation cannot be fulfilled on ${resource} "${name}": ${why}`,
    detailsOf(kind, name),
  )
}

/** 409 for an object that someone else changed first. */
export function modified(kind: Kind, name: string): StatusError {
  return conflict(
    kind,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  )
}

/** 403 in upstream's sentence; `why` follows when the authorizer said why. */
export function forbiddenByAuthorizer(attributes: Attributes, why: string): StatusError {
  const { user, verb, group, resource, subresource, namespace, name, path } = attributes
  const reason = why === '' ? '' : `: ${why}`
  if (path !== undefined)
    return new StatusError(
      'Forbidden',
      `forbidden: User "${user.username}" cannot ${verb} path "${path}"${reason}`,
    )
  const qualified = group === '' ? resource : `${resource}.${group}`
  const subject = name === '' ? `${qualified} is forbidden` : `${qualified} "${name}" is forbidden`
  const what = subresource === '' ? resource : `${resource}/${subresource}`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const sentence = `User "${user.username}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`
  return new StatusError('Forbidden', `${subject}: ${sentence}${reason}`, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind: resource,
  })
}

/** 403 by admission. */
export function forbidden(
  kind: Kind,
  name: string,
  why: string,
  cause?: { reason: string; message: string; field: string },
): StatusError {
  const subject = name === '' ? resourceName(kind) : `${resourceName(kind)} "${name}"`
  return new StatusError('Forbidden', `${subject} is forbidden: ${why}`, {
    ...detailsOf(kind, name),
    ...(cause === undefined ? {} : { causes: [cause] }),
  })
}

/** 503 for what comes when the server is ending. */
export function stopping(): StatusError {
  return new StatusError('ServiceUnavailable', 'the server is stopping')
}

export function methodNotAllowed(): StatusError {
  return new StatusError(
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  )
}

/** 410 for a list or a watch whose version is no longer kept. */
export function expired(wanted: number, oldest: number): StatusError {
  return new StatusError('Expired', `too old resource version: ${wanted} (${oldest})`)
}

/** 410 for a page whose snapshot is no longer kept; `token` goes on at the newest one. */
export function continueExpired(token: string): StatusError {
  return new StatusError(
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    {},
    { continue: token },
  )
}

/** 504 for a version from the future (apiserver `pkg/storage/errors.go`, `NewTooLargeResourceVersionError`). */
export function tooLargeResourceVersion(wanted: number, current: number): StatusError {
  return new StatusError('Timeout', `Too large resource version: ${wanted}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })
}

/** 410 for a watch from a version that this store never had, as after it was put back from a copy: what is known of it is of another history. */
export function neverWritten(wanted: number, newest: number): StatusError {
  return new StatusError('Expired', `Too large resource version: ${wanted}, current: ${newest}: list again`)
}

export function badRequest(message: string): StatusError {
  return new StatusError('BadRequest', message)
}

function detailsOf(kind: Kind, name: string): { name?: string; group?: string; kind: string } {
  return {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.plural,
  }
}
