/** One trailer of a commit message, such as `Reviewed-by: Ada`. */
export interface Trailer {
  readonly key: string
  readonly value: string
}

/** How many deletions a commit allows: a number, or all of them. */
export type DeleteAllowance = number | 'all'

/** The trailer by which the author of HEAD releases a plan that is held because of its deletions. */
const ALLOW_DELETE_TRAILER = 'Bowline-Allow-Delete'

/** Lines that Git writes itself and that let a paragraph count as trailers beside other lines. */
const GIT_GENERATED = /^(?:Signed-off-by: |\(cherry picked from commit )/

const TRAILER_LINE = /^([A-Za-z0-9-]+)\s*:(.*)$/

/**
 * The trailers of a message by the rules of `git interpret-trailers`: the last paragraph, not being the first, when all of
 * its lines are trailers, or a quarter of them are and one is Git's own. A line that starts with a blank continues the one before.
 */
export function parseTrailers(message: string): readonly Trailer[] {
  const lines = contentLines(message)
  const start = trailerBlockStart(lines)
  const trailers: { readonly key: string; readonly parts: string[] }[] = []
  // The trailer that a line starting with a blank would continue.
  let open: { readonly parts: string[] } | undefined
  for (const line of lines.slice(start)) {
    if (line.startsWith('#')) continue
    const match = TRAILER_LINE.exec(line)
    if (/^\s/.test(line)) {
      open?.parts.push(line.trim())
    } else if (match === null) open = undefined
    else {
      const trailer = { key: match[1] as string, parts: [(match[2] as string).trim()] }
      trailers.push(trailer)
      open = trailer
    }
  }
  return trailers.map(({ key, parts }) => ({ key, value: parts.join(' ').trim() }))
}

/**
 * What a commit's message allows to be deleted: the largest of its `Bowline-Allow-Delete: <count or all>` trailers.
 * Undefined when it has none that can be read: nothing is allowed.
 */
export function parseDeleteAllowance(message: string): DeleteAllowance | undefined {
  let allowance: number | undefined
  for (const { key, value } of parseTrailers(message)) {
    if (key.toLowerCase() !== ALLOW_DELETE_TRAILER.toLowerCase()) continue
    if (value.toLowerCase() === 'all') return 'all'
    if (/^\d{1,7}$/.test(value)) allowance = Math.max(allowance ?? 0, Number(value))
  }
  return allowance
}

/** The message's lines without blank ones at the end and without carriage returns. */
function contentLines(message: string): readonly string[] {
  return message.replace(/\r\n/g, '\n').trimEnd().split('\n')
}

/** Where the trailers start; the number of lines when there are none. */
function trailerBlockStart(lines: readonly string[]): number {
  const titleEnd = lines.findIndex(line => line.trim() === '')
  if (titleEnd === -1) return lines.length
  let start = lines.length
  while (start > 0 && (lines[start - 1] as string).trim() !== '') start -= 1
  if (start <= titleEnd) return lines.length
  let trailers = 0
  let others = 0
  let generated = false
  // A continuation counts with the line that it continues: with a trailer as nothing, with another line as one more of those.
  let pending = 0
  for (const line of lines.slice(start).reverse()) {
    if (line.startsWith('#')) continue
    if (GIT_GENERATED.test(line)) generated = true
    if (GIT_GENERATED.test(line) || TRAILER_LINE.test(line)) {
      trailers += 1
      pending = 0
    } else if (/^\s/.test(line)) pending += 1
    else {
      others += 1 + pending
      pending = 0
    }
  }
  others += pending
  const isBlock = trailers > 0 && (others === 0 || (generated && trailers * 3 >= others))
  return isBlock ? start : lines.length
}
