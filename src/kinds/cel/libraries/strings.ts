import { formatText } from './format-text.ts'
import { type Definitions, defineNamespace } from './library.ts'

/** Longest text that an expression may make. */
const MAX_TEXT = 4 * 1024 * 1024

/** What the language's library lacks of upstream's functions of texts (cel-go `ext/strings.go`, version 2). */
export function defineStrings(definitions: Definitions): void {
  const { define, costs } = definitions
  define('string.charAt(int): string', (text: string, index: bigint) => {
    const at = Number(index)
    if (at < 0 || at > text.length) throw new RangeError(`index out of range: ${index}`)
    return text.charAt(at)
  })
  define('string.replace(string, string): string', (text: string, from: string, to: string) =>
    replace(text, from, to, Number.POSITIVE_INFINITY),
  )
  define(
    'string.replace(string, string, int): string',
    (text: string, from: string, to: string, limit: bigint) =>
      replace(text, from, to, limit < 0n ? Number.POSITIVE_INFINITY : Number(limit)),
  )
  define('string.format(list<dyn>): string', (template: string, values: readonly unknown[]) => {
    costs.weighed(values)
    return bounded(formatText(template, values))
  })
  define(`${defineNamespace(definitions, 'strings')}.quote(string): string`, (_: unknown, text: string) =>
    quote(text),
  )
}

/** As Go's `strings.Replace`: an empty `from` is found before each character and at the end. */
function replace(text: string, from: string, to: string, limit: number): string {
  const pieces = from === '' ? ['', ...text] : text.split(from)
  const all = from === '' ? pieces.length : pieces.length - 1
  const count = Math.min(all, limit)
  if (text.length + count * to.length > MAX_TEXT) throw new RangeError('the text becomes too long')
  if (from === '') return pieces.map((piece, index) => (index < count ? piece + to : piece)).join('')
  return [pieces.slice(0, count + 1).join(to), ...pieces.slice(count + 1)].join(from)
}

function bounded(text: string): string {
  if (text.length > MAX_TEXT) throw new RangeError('the text becomes too long')
  return text
}

const ESCAPES: { readonly [character: string]: string } = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is escaped
  return `"${text.replaceAll(/[\x07\b\f\n\r\t\v\\"]/g, character => ESCAPES[character] ?? '')}"`
}
