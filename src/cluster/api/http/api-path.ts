import { StatusError } from '../../../kube/index.ts'

/** What a path under `/api` or `/apis` names. Empty texts are parts that the path does not have. */
export interface ApiPath {
  readonly group: string
  readonly version: string
  readonly namespace: string
  readonly resource: string
  readonly name: string
  readonly subresource: string
}

/** What of `/api/v1/namespaces/<name>/<this>` is a part of the Namespace itself. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(['finalize', 'status'])

/** The longest part of a path: names have at most 253 characters. */
const MAX_SEGMENT = 512

/**
 * The decoded segments of a request's path, without the query. A StatusError of reason BadRequest for anything that could be
 * read in two ways: bad percent-encoding, `.` and `..`, a slash, a `%` or a control character inside a segment.
 */
export function segmentsOf(path: string): readonly string[] {
  if (!path.startsWith('/')) throw badPath('it must start with "/"')
  const parts = path.slice(1).split('/')
  if (parts.at(-1) === '') parts.pop()
  return parts.map(decodeSegment)
}

/** Reads `/api/v1/…` and `/apis/<group>/<version>/…`; undefined when the path names no resource. */
export function parseApiPath(segments: readonly string[]): ApiPath | undefined {
  const [root, ...rest] = segments
  if (root === 'api') return parseResource('', rest)
  if (root === 'apis') return parseResource(rest[0] ?? '', rest.slice(1))
  return undefined
}

function parseResource(group: string, [version = '', ...rest]: readonly string[]): ApiPath | undefined {
  const base = { group, version, namespace: '' }
  if (version === '' || rest.length === 0) return undefined
  const [first = '', second = '', third = '', fourth = '', fifth = ''] = rest
  const inNamespace =
    first === 'namespaces' && rest.length >= 3 && !(group === '' && NAMESPACE_SUBRESOURCES.has(third))
  if (inNamespace) {
    if (rest.length > 5) return undefined
    return { ...base, namespace: second, resource: third, name: fourth, subresource: fifth }
  }
  if (rest.length > 3) return undefined
  return { ...base, resource: first, name: second, subresource: third }
}

function decodeSegment(raw: string): string {
  let text: string
  try {
    text = decodeURIComponent(raw)
  } catch {
    throw badPath('its percent-encoding is broken')
  }
  if (text === '') throw badPath('it has an empty segment')
  if (text.length > MAX_SEGMENT) throw badPath(`a segment is longer than ${MAX_SEGMENT} characters`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (text === '.' || text === '..' || /[/%\\\u0000-\u001f\u007f]/.test(text))
    throw badPath('a segment may not be "." or ".." and may not contain "/", "\\", "%" or control characters')
  return text
}

function badPath(state: string): StatusError {
  return new StatusError('BadRequest', `the path of the request cannot be read: ${state}`)
}
