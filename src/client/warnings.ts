/** One `warn-code warn-agent "text"`, the text with backslash escapes (RFC 7234 5.5). */
const WARNING = /(\d{3}) (?:\S+) "((?:[^"\\]|\\.)*)"(?: "[^"]*")?/g

/** The texts of the `299` warnings in one `Warning` header or several. */
export function parseWarnings(header: string | readonly string[] | undefined): readonly string[] {
  if (header === undefined) return []
  const texts: string[] = []
  for (const line of typeof header === 'string' ? [header] : header)
    for (const [, code, text = ''] of line.matchAll(WARNING))
      if (code === '299') texts.push(text.replace(/\\(.)/g, '$1'))
  return texts
}
