import { isObject } from '../../base/index.ts'
import { badRequest } from './refusals.ts'

/** Where the next page of a list begins. */
export interface ContinueToken {
  /** The revision that all pages show; undefined to go on at whatever is the newest. */
  readonly revision: number | undefined
  /** The key after which the page begins, without the list's prefix. */
  readonly after: string
  /** How many objects lie after it, when that is known. */
  readonly remaining: number | undefined
}

/** What a token says instead of a revision when its list goes on inconsistently (apiserver `storage/continue.go`). */
const NEWEST = -1

/** Opaque to clients: base64url of JSON, as upstream's. */
export function encodeContinue({ revision, after, remaining }: ContinueToken): string {
  const fields = {
    v: 'meta.k8s.io/v1',
    rv: revision ?? NEWEST,
    start: after,
    ...(remaining === undefined ? {} : { left: remaining }),
  }
  return Buffer.from(JSON.stringify(fields)).toString('base64url')
}

/** A `StatusError` of reason BadRequest for what this server did not make. */
export function decodeContinue(text: string): ContinueToken {
  let fields: unknown
  try {
    fields = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    throw badRequest('continue key is not valid: it cannot be decoded')
  }
  if (!isObject(fields)) throw badRequest('continue key is not valid: it is no object')
  const { v, rv, start, left } = fields
  const isRevision = Number.isSafeInteger(rv) && ((rv as number) >= 1 || rv === NEWEST)
  if (v !== 'meta.k8s.io/v1' || !isRevision || typeof start !== 'string')
    throw badRequest('continue key is not valid: it was not made by this server')
  return {
    revision: rv === NEWEST ? undefined : (rv as number),
    after: start,
    remaining: Number.isSafeInteger(left) ? (left as number) : undefined,
  }
}
