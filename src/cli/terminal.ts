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
  /** Why not all of the answer could be written, such as for want of room; undefined when it was, or nobody reads on. */
  readonly loss?: Error | undefined
}

export function createTerminal(options: {
  readonly stdout: NodeJS.WriteStream
  readonly stderr: NodeJS.WriteStream
  readonly noColor: boolean
}): Terminal {
  const { stdout, stderr } = options
  // Whoever read may have gone (`| head`), and a disk may be full: that ends no server. A command ends as it would have, but for an
  // answer that is not all there.
  for (const stream of [stdout, stderr]) stream.on('error', () => {})
  const isTerminal = stdout.isTTY === true
  const colours = isTerminal && !options.noColor
  let shown: readonly string[] = []
  function clear(): void {
    if (shown.length > 0) stdout.write(`\x1b[${shown.length}A\x1b[0J`)
    shown = []
  }
  return {
    isTerminal,
    get loss() {
      const { errored } = stdout
      return errored === null || isBrokenPipe(errored) ? undefined : errored
    },
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

function isBrokenPipe({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'EIO'
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
