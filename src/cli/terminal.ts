import { styleText } from 'node:util'
import { printableOutput } from './printable.ts'

type Style = Parameters<typeof styleText>[0]

/**
 * Where a command prints. Colour and progress only on a terminal; plain lines otherwise, so that what a person sees can be piped.
 */
export interface Terminal {
  /** One line (or several) of the answer, to stdout; what a terminal would obey, but for colours, is shown escaped. */
  print(text: string): void
  /** A remark that is not the answer, to stderr. */
  note(text: string): void
  /** The text in a colour, or as it is. */
  paint(style: Style, text: string): string
  /** Replaces the lines that the last `progress` showed; does nothing when stdout is no terminal. */
  progress(lines: readonly string[]): void
  readonly isTerminal: boolean
  readonly columns: number
}

export function createTerminal(options: {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly noColor: boolean
}): Terminal {
  const { stdout, stderr } = options
  // Whoever read may have gone (`| head`): that ends no server, and a command that prints ends as it would have.
  for (const stream of [stdout, stderr]) stream.on('error', passOverBrokenPipe)
  const isTerminal = stdout.isTTY === true
  const colours = isTerminal && !options.noColor
  let shown: readonly string[] = []
  function clear(): void {
    if (shown.length > 0) stdout.write(`\x1b[${shown.length}A\x1b[0J`)
    shown = []
  }
  return {
    isTerminal,
    get columns() {
      return stdout.columns || 120
    },
    print(text) {
      clear()
      stdout.write(`${printableOutput(text, colours)}\n`)
    },
    note(text) {
      clear()
      stderr.write(`${printableOutput(text, false)}\n`)
    },
    paint: (style, text) => (colours ? styleText(style, text, { validateStream: false }) : text),
    progress(lines) {
      if (!isTerminal) return
      const width = stdout.columns || 120
      // More lines than the screen has could not be taken back.
      const room = Math.max(1, (stdout.rows || 24) - 2)
      const cutLines = lines.slice(0, room).map(line => cut(printableOutput(line, colours), width))
      if (cutLines.join('\n') === shown.join('\n')) return
      clear()
      for (const line of cutLines) stdout.write(`${line}\n`)
      shown = cutLines
    },
  }
}

function passOverBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error
}

/** A line that wraps would break the count of lines to clear; escape sequences take no room. */
function cut(line: string, width: number): string {
  let room = width - 1
  let at = 0
  while (at < line.length && room > 0) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character begins a colour
    const colour = /^\x1b\[[0-9;]*m/.exec(line.slice(at))
    if (colour) at += colour[0].length
    else {
      at += 1
      room -= 1
    }
  }
  return at < line.length ? `${line.slice(0, at)}\x1b[0m` : line
}
