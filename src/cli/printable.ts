import { isObject } from '../base/index.ts'

/**
 * What a terminal would obey rather than show: control characters but line ends and tabs, and those that turn the direction of text.
 * Names, messages and values come from Git, from containers and from whoever may write to the cluster.
 */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins a colour
const COLOUR = /(\u001b\[[0-9;]*m)/

/** Texts that may have several lines; whoever prints them indents each. */
const TEXTS: ReadonlySet<string> = new Set(['excerpt', 'message'])

/** A copy of data whose texts can be printed: what is not printable stands there as in JSON, such as `\u001b`. */
export function printable<T>(value: T): T {
  return printableAt(value, '') as T
}

/** A whole output: keeps its line ends, and its colours when there are any. */
export function printableOutput(text: string, hasColours: boolean): string {
  if (!hasColours) return shown(text, '\n\t')
  return text
    .split(COLOUR)
    .map((part, index) => (index % 2 === 1 ? part : shown(part, '\n\t')))
    .join('')
}

/** Text of several lines, those after the first with `indent` before them. */
export function hang(text: string, indent: string): string {
  return text.trimEnd().replaceAll('\n', `\n${indent}`)
}

function printableAt(value: unknown, key: string): unknown {
  if (typeof value === 'string') return shown(value, TEXTS.has(key) ? '\n' : '')
  if (Array.isArray(value)) return value.map(item => printableAt(item, key))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [shown(name, ''), printableAt(item, name)]),
  )
}

function shown(text: string, kept: string): string {
  return text.replace(UNPRINTABLE, character =>
    kept.includes(character) ? character : (SHORT[character] ?? unicodeEscape(character)),
  )
}

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function unicodeEscape(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`
}
