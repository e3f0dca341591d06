import type { LineCounter } from 'yaml'
import type { DiagnosticCode, TextPosition } from '../diagnostic.ts'

/** What is wrong with a text, free of the file's name. */
export interface YamlProblem extends TextPosition {
  readonly code: DiagnosticCode
  readonly message: string
  readonly hint?: string
}

/** More problems than a person reads at once; the rest is one line that says so. */
export const MAX_PROBLEMS = 50

/** What was found wrong with one text so far. */
export interface Problems {
  readonly list: YamlProblem[]
  at(offset: number): TextPosition
}

/** Adds a problem, or the one line that stands for all further ones. */
export function addProblem(
  found: Problems,
  code: DiagnosticCode,
  offset: number,
  message: string,
  hint?: string,
): void {
  if (found.list.length > MAX_PROBLEMS) return
  const position = found.at(offset)
  if (found.list.length === MAX_PROBLEMS)
    found.list.push({ ...position, code: 'too-many-problems', message: 'more problems follow' })
  else found.list.push({ ...position, code, message, ...(hint === undefined ? {} : { hint }) })
}

export function positionAt(lines: LineCounter, offset: number): TextPosition {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(1, line), column: Math.max(1, col) }
}

/** The library's messages are sentences that may quote the next token; only the first line says what is wrong. */
export function sentence(message: string): string {
  const line = (message.split('\n')[0] as string).trim().replace(/[.:]$/, '')
  return line.charAt(0).toLowerCase() + line.slice(1, 160)
}
