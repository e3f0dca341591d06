import { MAX_NESTING, StatusError } from '../../../kube/index.ts'

/** More would not be read by anyone. */
const MAX_DUPLICATES = 20

export interface JsonText {
  readonly value: unknown
  /** Paths of fields that an object has twice, such as `spec.replicas`; JSON keeps the last. */
  readonly duplicates: readonly string[]
}

interface Level {
  /** Undefined in a list. */
  readonly keys: Set<string> | undefined
  readonly path: string
  /** The key or the position that comes next or is being read. */
  key: string
  index: number
  expectsKey: boolean
}

/** Parses a JSON text, bounded in depth. A StatusError of reason BadRequest says where it breaks, and quotes nothing of it. */
export function parseJsonText(text: string): JsonText {
  const duplicates = findDuplicates(text)
  try {
    return { value: JSON.parse(text), duplicates }
  } catch (error) {
    const at = /position (\d+)/.exec(String(error))?.[1]
    const place = at === undefined ? 'it ends too early' : `unexpected character at position ${at}`
    throw new StatusError('BadRequest', `the body of the request cannot be read as JSON: ${place}`)
  }
}

/** One pass over the text that follows strings, braces and brackets. What is no JSON is left for the parser to refuse. */
function findDuplicates(text: string): readonly string[] {
  const found: string[] = []
  const levels: Level[] = []
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charCodeAt(at)
    const level = levels.at(-1)
    if (character === QUOTE) {
      const end = endOfString(text, at)
      if (level?.keys !== undefined && level.expectsKey) noteKey(level, keyOf(text, at, end), found)
      at = end
    } else if (character === OPEN_BRACE || character === OPEN_BRACKET) {
      if (levels.length >= MAX_NESTING)
        throw new StatusError(
          'BadRequest',
          `the body of the request is nested deeper than ${MAX_NESTING} levels`,
        )
      const isMap = character === OPEN_BRACE
      levels.push({
        keys: isMap ? new Set() : undefined,
        path: pathOf(level),
        key: '',
        index: 0,
        expectsKey: isMap,
      })
    } else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) {
      levels.pop()
    } else if (character === COMMA && level !== undefined) {
      level.index += 1
      level.expectsKey = level.keys !== undefined
    }
  }
  return found
}

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d

function noteKey(level: Level, key: string, found: string[]): void {
  level.key = key
  level.expectsKey = false
  if (level.keys?.has(key) && found.length < MAX_DUPLICATES) found.push(pathOf(level))
  level.keys?.add(key)
}

/** The path of what a level is at. */
function pathOf(level: Level | undefined): string {
  if (level === undefined) return ''
  if (level.keys === undefined) return `${level.path}[${level.index}]`
  return level.path === '' ? level.key : `${level.path}.${level.key}`
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1))
    if (!isEscaped(text, end)) return end
  return text.length
}

/** After an odd number of backslashes. There is one before every string, so that the search ends. */
function isEscaped(text: string, at: number): boolean {
  let before = at
  while (text.charCodeAt(before - 1) === BACKSLASH) before -= 1
  return (at - before) % 2 === 1
}

/** `"a"` and `"\u0061"` are the same key. */
function keyOf(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end)
  if (!raw.includes('\\')) return raw
  try {
    return String(JSON.parse(`"${raw}"`))
  } catch {
    // Broken escapes: the parser will refuse the whole text.
    return raw
  }
}
