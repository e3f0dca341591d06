/** What kind of problem a {@link Diagnostic} tells; callers branch on this, never on message text. */
export type DiagnosticCode =
  // The text itself.
  | 'bad-alias'
  | 'bad-encoding'
  | 'bad-key'
  | 'bad-number'
  | 'bad-tag'
  | 'duplicate-key'
  | 'file-too-large'
  | 'syntax'
  | 'too-deep'
  | 'too-many-aliases'
  | 'too-many-documents'
  | 'too-many-problems'
  | 'too-slow'
  // What the objects say.
  | 'duplicate-object'
  | 'forbidden-field'
  | 'foreign-object'
  | 'invalid-value'
  | 'missing-field'
  | 'not-an-object'
  | 'refused-change'
  | 'unknown-field'
  | 'unknown-kind'
  // Where they stand.
  | 'bad-app'
  | 'bad-config'
  | 'bad-name'
  | 'missing-folder'
  | 'submodule'
  | 'symlink'
  | 'too-many-files'

/** A place in a text. Both start at 1; the column counts UTF-16 code units. */
export interface TextPosition {
  readonly line: number
  readonly column: number
}

/** One problem in one file, told to the author of a commit. Plain data; holds no value of a Secret. */
export interface Diagnostic extends TextPosition {
  /** The path from the repository's root, with `/`. */
  readonly file: string
  readonly code: DiagnosticCode
  /** What is wrong, in one sentence without a final period. */
  readonly message: string
  /** The source line with a caret under the column, as two lines. Absent where there is no text to show. */
  readonly excerpt?: string
  /** What to do about it. */
  readonly hint?: string
}

/** The widest excerpt; a longer line is cut around the column. */
const EXCERPT_WIDTH = 120

/**
 * The line of `text` at a position with a caret under the column. With `masked`, what could be the value of a
 * Secret is replaced by `***`: everything after the line's first `:`, or the whole line when it has none.
 */
export function excerptOf(text: string, { line, column }: TextPosition, masked = false): string {
  const source = lineAt(text, line)
  const shown = masked ? maskLine(source) : source
  const caret = Math.min(column - 1, shown.length)
  const start = shown.length <= EXCERPT_WIDTH ? 0 : Math.max(0, caret - Math.floor(EXCERPT_WIDTH / 2))
  // A control character must not reach a terminal; a tab becomes one column so that the caret stays true.
  const visible = shown.slice(start, start + EXCERPT_WIDTH).replace(/\p{Cc}/gu, ' ')
  return `${visible.trimEnd()}\n${' '.repeat(caret - start)}^`
}

/** Orders diagnostics by file, line, column and code, so that the same revision always reads the same. */
export function compareDiagnostics(a: Diagnostic, b: Diagnostic): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1
  if (a.line !== b.line) return a.line - b.line
  if (a.column !== b.column) return a.column - b.column
  if (a.code !== b.code) return a.code < b.code ? -1 : 1
  return a.message < b.message ? -1 : a.message > b.message ? 1 : 0
}

/** `apps/shop/web.yaml:18:11`, where editors and terminals can jump to. */
export function describePosition(position: TextPosition & { readonly file: string }): string {
  return `${position.file}:${position.line}:${position.column}`
}

function lineAt(text: string, line: number): string {
  let start = 0
  for (let at = 1; at < line; at += 1) {
    const end = text.indexOf('\n', start)
    if (end === -1) return ''
    start = end + 1
  }
  const end = text.indexOf('\n', start)
  return text.slice(start, end === -1 ? undefined : end).replace(/\r$/, '')
}

function maskLine(line: string): string {
  const key = /^\s*(?:-\s+)*["']?[\w.\-/]+["']?\s*:/.exec(line)
  if (key === null) return `${/^\s*/.exec(line)?.[0] ?? ''}***`
  return line.slice(key[0].length).trim() === '' ? key[0] : `${key[0]} ***`
}
