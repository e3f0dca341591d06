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
  if (segments[0] === 'api') return parseResource('', segments[1], segments, 2)
  if (segments[0] === 'apis') return parseResource(segments[1] ?? '', segments[2], segments, 3)
  return undefined
}

/** `start` is where the segments after the version begin. */
function parseResource(
  group: string,
  version: string | undefined,
  segments: readonly string[],
  start: number,
): ApiPath | undefined {
  const count = segments.length - start
  if (version === undefined || count <= 0) return undefined
  const part = (index: number): string => segments[start + index] ?? ''
  const inNamespace =
    part(0) === 'namespaces' && count >= 3 && !(group === '' && NAMESPACE_SUBRESOURCES.has(part(2)))
  if (count > (inNamespace ? 5 : 3)) return undefined
  return inNamespace
    ? { group, version, namespace: part(1), resource: part(2), name: part(3), subresource: part(4) }
    : { group, version, namespace: '', resource: part(0), name: part(1), subresource: part(2) }
}

function decodeSegment(raw: string): string {
  const text = raw.includes('%') ? decodePercents(raw) : raw
  if (text === '') throw badPath('it has an empty segment')
  if (text.length > MAX_SEGMENT) throw badPath(`a segment is longer than ${MAX_SEGMENT} characters`)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (text === '.' || text === '..' || /[/%\\\u0000-\u001f\u007f]/.test(text))
    throw badPath('a segment may not be "." or ".." and may not contain "/", "\\", "%" or control characters')
  return text
}

function decodePercents(raw: string): string {
  try {
    return decodeURIComponent(raw)
  } catch {
    throw badPath('its percent-encoding is broken')
  }
}

function badPath(state: string): StatusError {
  return new StatusError('BadRequest', `the path of the request cannot be read: ${state}`)
}
