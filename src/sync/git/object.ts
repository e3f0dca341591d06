import { BowlineError } from '../../base/index.ts'

export type ObjectType = 'blob' | 'commit' | 'tag' | 'tree'

/** One object of the object database as Git stores it, without its header. */
export interface GitObject {
  readonly oid: string
  readonly type: ObjectType
  readonly bytes: Buffer
}

/** Who and when, as a commit says it. */
export interface Signature {
  readonly name: string
  readonly email: string
  /** RFC 3339 with the writer's own offset: `2026-01-31T17:09:00+01:00`. */
  readonly time: string
  /** Milliseconds since the epoch. */
  readonly timeMs: number
}

export interface Commit {
  readonly id: string
  readonly tree: string
  readonly parents: readonly string[]
  readonly author: Signature
  readonly committer: Signature
  /** The message, without the blank lines at its end; what is longer than 64 KiB is cut and ends in `…`. */
  readonly message: string
  /** The message's first paragraph on one line, as `git log --oneline` shows it. */
  readonly subject: string
}

/** What a tree entry is; `commit` is a submodule. */
export type EntryType = 'blob' | 'commit' | 'symlink' | 'tree'

export interface TreeEntry {
  /** Six octal digits, such as `100644`. */
  readonly mode: string
  readonly name: string
  readonly oid: string
  readonly type: EntryType
}

/** Git bounds none of them, and every record keeps a copy. */
const MAX_HEADERS = 2 * 1024 * 1024
const MAX_MESSAGE = 64 * 1024
const MAX_SUBJECT = 1_000
const MAX_NAME = 256

/**
 * Parses a commit object: of a large one its beginning, of which alone memory is held. Throws `corrupt` when it is none, or its headers
 * are longer than 2 MiB.
 */
export function parseCommit({ oid, bytes }: GitObject): Commit {
  const blank = bytes.indexOf('\n\n')
  const end = blank === -1 ? bytes.length : blank
  if (end > MAX_HEADERS)
    throw new BowlineError('corrupt', `Cannot read commit ${oid}: its headers are too long`)
  const headers = readHeaders(bytes.toString('utf8', 0, end))
  const tree = headers.find(([name]) => name === 'tree')?.[1]
  const author = headers.find(([name]) => name === 'author')?.[1]
  const committer = headers.find(([name]) => name === 'committer')?.[1]
  if (tree === undefined || author === undefined || committer === undefined)
    throw new BowlineError('corrupt', `Cannot read commit ${oid}: a header is missing`)
  // A character has four bytes at most.
  const message = messageIn(bytes.toString('utf8', end + 2, end + 2 + 4 * (MAX_MESSAGE + 1)))
  return {
    id: oid,
    tree: alone(tree),
    parents: headers.filter(([name]) => name === 'parent').map(([, value]) => alone(value)),
    author: parseSignature(author),
    committer: parseSignature(committer),
    message,
    subject: subjectOf(message),
  }
}

/** The same text without the longer one that it was cut from, which V8 keeps for as long as the part. */
function alone(text: string): string {
  return Buffer.from(text).toString()
}

/** A cut message ends in a line of its own that is no trailer: half a message must not allow anything. */
function messageIn(text: string): string {
  const message = printable(text.replace(/^\n+/, '').replaceAll('\r\n', '\n'))
  return message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)}\n\n…` : message.trimEnd()
}

/** The first paragraph of a message, its lines joined by spaces. */
function subjectOf(message: string): string {
  const lines: string[] = []
  for (const line of message.split('\n')) {
    const text = line.trim()
    if (text !== '') lines.push(text)
    else if (lines.length > 0) break
  }
  return cut(lines.join(' '), MAX_SUBJECT)
}

/**
 * Control characters other than line ends and tabs as U+FFFD. They mean nothing in a message, do things to terminals, and one in a
 * record makes `kubectl get records -o yaml` fail for all of them, because YAML has no way to write it.
 */
function printable(text: string): string {
  return text.replace(/(?![\n\t])\p{Cc}/gu, '\ufffd')
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text
}

/** Parses a tree object of SHA-1 (20 bytes an id) or SHA-256 (32). Throws `corrupt` when it is none. */
export function parseTree({ oid, bytes }: GitObject): readonly TreeEntry[] {
  const idLength = oid.length / 2
  const entries: TreeEntry[] = []
  let at = 0
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at)
    const zero = space === -1 ? -1 : bytes.indexOf(0, space)
    if (zero === -1 || zero + 1 + idLength > bytes.length)
      throw new BowlineError('corrupt', `Cannot read tree ${oid}: it ends in the middle of an entry`)
    const mode = bytes.toString('latin1', at, space).padStart(6, '0')
    entries.push({
      mode,
      name: bytes.toString('utf8', space + 1, zero),
      oid: bytes.toString('hex', zero + 1, zero + 1 + idLength),
      type: entryType(mode),
    })
    at = zero + 1 + idLength
  }
  return entries
}

/** The bytes of a tree with these entries, in Git's order (a folder sorts as if its name ended in `/`). */
export function serializeTree(entries: readonly TreeEntry[]): Buffer {
  const keyed = entries.map(entry => ({
    entry,
    key: Buffer.from(entry.type === 'tree' ? `${entry.name}/` : entry.name),
  }))
  keyed.sort((a, b) => Buffer.compare(a.key, b.key))
  return Buffer.concat(
    keyed.flatMap(({ entry }) => [
      Buffer.from(`${entry.mode.replace(/^0+/, '')} ${entry.name}\0`),
      Buffer.from(entry.oid, 'hex'),
    ]),
  )
}

export interface NewCommit {
  readonly tree: string
  readonly parents: readonly string[]
  readonly author: { readonly name: string; readonly email: string }
  readonly timeMs: number
  readonly message: string
}

/** The bytes of a commit object whose author is its committer, stamped in UTC. */
export function serializeCommit({ tree, parents, author, timeMs, message }: NewCommit): Buffer {
  const who = `${cleanName(author.name)} <${cleanName(author.email)}> ${Math.floor(timeMs / 1000)} +0000`
  const lines = [
    `tree ${tree}`,
    ...parents.map(parent => `parent ${parent}`),
    `author ${who}`,
    `committer ${who}`,
    '',
    `${message.trimEnd()}\n`,
  ]
  return Buffer.from(lines.join('\n'))
}

/** As Git: angle brackets and line ends cannot be part of a name. */
function cleanName(text: string): string {
  return text.replace(/[<>\0\r\n]/g, '').trim()
}

function readHeaders(text: string): readonly (readonly [name: string, value: string])[] {
  const headers: [string, string][] = []
  for (const line of text.split('\n')) {
    // A continued line (a signature's) starts with a space and is of no interest here.
    if (line.startsWith(' ')) continue
    const space = line.indexOf(' ')
    if (space > 0) headers.push([line.slice(0, space), line.slice(space + 1)])
  }
  return headers
}

/** As Git's `split_ident_line`: a name, which may hold anything but `<` and line ends, then an address in angle brackets. */
function parseSignature(text: string): Signature {
  const open = text.indexOf('<')
  const close = open === -1 ? -1 : text.indexOf('>', open)
  if (close === -1) return { name: '', email: '', time: formatTime(0, '+0000'), timeMs: 0 }
  const stamp = /^(-?\d{1,15})\s+([-+]\d{4})/.exec(text.slice(close + 1, close + 64).trim())
  const timeMs = Number(stamp?.[1] ?? 0) * 1000
  return {
    name: alone(cut(printable(text.slice(0, open).trim()), MAX_NAME)),
    email: alone(cut(printable(text.slice(open + 1, close)), MAX_NAME)),
    time: formatTime(timeMs, stamp?.[2] ?? '+0000'),
    timeMs,
  }
}

function formatTime(timeMs: number, offset: string): string {
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(3, 5))
  const local = new Date(timeMs + (offset.startsWith('-') ? -minutes : minutes) * 60_000)
  if (Number.isNaN(local.getTime())) return '1970-01-01T00:00:00+00:00'
  return `${local.toISOString().slice(0, -5)}${offset.slice(0, 3)}:${offset.slice(3, 5)}`
}

function entryType(mode: string): EntryType {
  if (mode === '040000') return 'tree'
  if (mode === '120000') return 'symlink'
  return mode === '160000' ? 'commit' : 'blob'
}
