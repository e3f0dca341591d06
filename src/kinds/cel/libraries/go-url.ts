import type { Comparable } from './library.ts'

/** What characters a part of a URL may hold as they are, beside letters, digits and `-_.~` (Go `net/url`, `shouldEscape`). */
const PLAIN = {
  path: /[\w\-.~$&+,/:;=@]/,
  host: /[\w\-.~!$&'()*+,;=:[\]<>"]/,
}
/** What `validEncoded` lets stand in a path as well. */
const VALID_PATH = /^(?:[\w\-.~$&+,/:;=@!'()*[\]]|%[0-9a-fA-F]{2})*$/

/**
 * A URL as Go's `net/url` reads it, which differs from the one of browsers: nothing is made of what is not there, and spaces in a path are
 * taken. It is what upstream's expressions and its format `uri` go by.
 */
export class GoUrl implements Comparable {
  readonly scheme: string
  readonly host: string
  readonly escapedPath: string
  readonly #rawQuery: string
  /** What distinguishes it beside its parts: user, opaque part and fragment. */
  readonly #rest: string

  /** Reads an absolute URI or an absolute path (Go `ParseRequestURI`, then `Parse`); a `RangeError` in Go's words when it is neither. */
  static parse(text: string): GoUrl {
    try {
      // Fragments are part of what has to be in order, and no part of the path or the query.
      readUrl(text, true)
      const hash = text.indexOf('#')
      if (hash >= 0) unescaped(text.slice(hash + 1))
      return new GoUrl(
        readUrl(hash < 0 ? text : text.slice(0, hash), false),
        hash < 0 ? '' : text.slice(hash),
      )
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new RangeError(`parse ${JSON.stringify(text)}: ${error.message}`)
    }
  }

  constructor({ scheme, user, host, path, opaque, query }: Parts, fragment: string) {
    this.scheme = scheme
    this.host = host
    this.escapedPath = VALID_PATH.test(path) ? path : escapePath(unescaped(path))
    this.#rawQuery = query
    this.#rest = JSON.stringify([user, opaque, fragment])
  }

  /** Without port and brackets. */
  get hostname(): string {
    const name = this.host.slice(0, this.host.length - this.#portSuffix.length)
    return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name
  }

  get port(): string {
    return this.#portSuffix.slice(1)
  }

  get #portSuffix(): string {
    return /:\d*$/.exec(this.host)?.[0] ?? ''
  }

  /** Keys and values unescaped; pairs that cannot be are left out. */
  get query(): ReadonlyMap<string, readonly string[]> {
    const found = new Map<string, string[]>()
    for (const pair of this.#rawQuery.split('&')) {
      if (pair === '' || pair.includes(';')) continue
      const equals = pair.indexOf('=')
      try {
        const key = unescapeQuery(equals < 0 ? pair : pair.slice(0, equals))
        const value = equals < 0 ? '' : unescapeQuery(pair.slice(equals + 1))
        found.set(key, [...(found.get(key) ?? []), value])
      } catch (error) {
        if (!(error instanceof RangeError)) throw error
      }
    }
    return found
  }

  equals(other: unknown): boolean {
    return other instanceof GoUrl && other.#identity === this.#identity
  }

  get #identity(): string {
    return JSON.stringify([this.scheme, this.host, this.escapedPath, this.#rawQuery, this.#rest])
  }
}

interface Parts {
  readonly scheme: string
  readonly user: string
  readonly host: string
  readonly path: string
  readonly opaque: string
  readonly query: string
}

function readUrl(text: string, isRequest: boolean): Parts {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\x00-\x1f\x7f]/.test(text)) throw new RangeError('net/url: invalid control character in URL')
  if (text === '') throw new RangeError('empty url')
  if (text.startsWith(':')) throw new RangeError('missing protocol scheme')
  const parts = { scheme: '', user: '', host: '', path: '', opaque: '', query: '' }
  if (text === '*') return { ...parts, path: '*' }
  const scheme = /^[A-Za-z][A-Za-z0-9+\-.]*(?=:)/.exec(text)?.[0] ?? ''
  const afterScheme = scheme === '' ? text : text.slice(scheme.length + 1)
  const mark = afterScheme.indexOf('?')
  const query = mark < 0 ? '' : afterScheme.slice(mark + 1)
  const rest = mark < 0 ? afterScheme : afterScheme.slice(0, mark)
  const found = { ...parts, scheme: scheme.toLowerCase(), query }
  if (!rest.startsWith('/')) {
    if (scheme !== '') return { ...found, opaque: rest }
    throw new RangeError('invalid URI for request')
  }
  const hasAuthority = rest.startsWith('//') && (scheme !== '' || (!isRequest && !rest.startsWith('///')))
  if (!hasAuthority) return { ...found, path: checkedPath(rest) }
  const slash = rest.indexOf('/', 2)
  const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash)
  const path = slash < 0 ? '' : rest.slice(slash)
  const at = authority.lastIndexOf('@')
  const user = at < 0 ? '' : authority.slice(0, at)
  if (!/^[\w\-.:~!$&'()*+,;=%@]*$/.test(user)) throw new RangeError('net/url: invalid userinfo')
  unescaped(user)
  return { ...found, user, host: readHost(authority.slice(at + 1)), path: checkedPath(path) }
}

function checkedPath(path: string): string {
  unescaped(path)
  return path
}

function readHost(host: string): string {
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']')
    if (end < 0) throw new RangeError("missing ']' in host")
    checkPort(host.slice(end + 1))
    // A zone is unescaped as a whole, the address before it as any host.
    const zone = host.slice(0, end).indexOf('%25')
    if (zone >= 0)
      return unescapeHost(host.slice(0, zone)) + unescaped(host.slice(zone, end)) + host.slice(end)
  } else if (host.includes(':')) checkPort(host.slice(host.lastIndexOf(':')))
  return unescapeHost(host)
}

function checkPort(port: string): void {
  if (!/^(:\d*)?$/.test(port)) throw new RangeError(`invalid port ${JSON.stringify(port)} after host`)
}

/** Only bytes beyond ASCII may be escaped in a host. */
function unescapeHost(host: string): string {
  const low = /%(?![89a-fA-F][0-9a-fA-F]).{0,2}/.exec(host)?.[0]
  if (low !== undefined) throw new RangeError(`invalid URL escape ${JSON.stringify(low)}`)
  for (const character of host)
    if (character < '\x80' && character !== '%' && !PLAIN.host.test(character))
      throw new RangeError(`invalid character ${JSON.stringify(character)} in host name`)
  return unescaped(host)
}

function unescapeQuery(text: string): string {
  return unescaped(text.replaceAll('+', ' '))
}

function unescaped(text: string): string {
  const broken = /%(?![0-9a-fA-F]{2}).{0,2}/s.exec(text)?.[0]
  if (broken !== undefined) throw new RangeError(`invalid URL escape ${JSON.stringify(broken)}`)
  return text.replaceAll(/(?:%[0-9a-fA-F]{2})+/g, escaped => {
    const bytes = escaped.slice(1).split('%')
    return new TextDecoder().decode(Uint8Array.from(bytes, byte => Number.parseInt(byte, 16)))
  })
}

function escapePath(path: string): string {
  let escaped = ''
  for (const character of path)
    escaped += PLAIN.path.test(character)
      ? character
      : Array.from(
          new TextEncoder().encode(character),
          byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
        ).join('')
  return escaped
}
