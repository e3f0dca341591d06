import type { Readable } from 'node:stream'
import type { LogLine } from '../runtime.ts'

/**
 * The lines of a log answer with timestamps. Without a terminal each is framed: one byte of stream, three of nothing,
 * four of length, then the line. With one, both streams are a single text. Reading stops by destroying the source.
 */
export async function* readLogLines(source: Readable, tty: boolean): AsyncGenerator<LogLine, void, void> {
  if (tty) yield* readTerminal(source)
  else for await (const { stream, payload } of readFrames(source)) yield parseLine(payload.toString(), stream)
}

export interface Frame {
  readonly stream: 'stdout' | 'stderr'
  readonly payload: Buffer
}

const FRAME_HEADER = 8

/** The frames of an engine's multiplexed stream, whatever the pieces it arrives in. */
export async function* readFrames(source: Readable): AsyncGenerator<Frame, void, void> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of source as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let offset = 0
    while (rest.length - offset >= FRAME_HEADER) {
      const end = offset + FRAME_HEADER + rest.readUInt32BE(offset + 4)
      if (rest.length < end) break
      yield {
        stream: rest[offset] === 2 ? 'stderr' : 'stdout',
        payload: rest.subarray(offset + FRAME_HEADER, end),
      }
      offset = end
    }
    rest = rest.subarray(offset)
  }
}

/** What is kept of a line while its end is awaited. The engine itself breaks lines into pieces of 16 KiB, each with its time. */
const MAX_PIECE_BYTES = 256 * 1024

/** A container may write for ever without an end of a line: a line that is too long comes in pieces, all with the time of its start. */
async function* readTerminal(source: Readable): AsyncGenerator<LogLine, void, void> {
  let rest: Buffer = Buffer.alloc(0)
  /** When the line began whose first pieces were given already. */
  let begun: string | undefined
  const lineOf = (bytes: Buffer): LogLine =>
    begun === undefined
      ? parseLine(bytes.toString(), 'stdout')
      : { time: begun, stream: 'stdout', text: bytes.toString() }
  for await (const chunk of source as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
      yield lineOf(rest.subarray(start, end + 1))
      begun = undefined
      start = end + 1
    }
    rest = rest.subarray(start)
    if (rest.length <= MAX_PIECE_BYTES) continue
    const length = wholeCharacters(rest)
    const piece = lineOf(rest.subarray(0, length))
    yield piece
    begun = piece.time
    rest = rest.subarray(length)
  }
  if (rest.length > 0) yield lineOf(rest)
}

/** How many bytes there are up to the last that begins a character of UTF-8: a cut there breaks none. */
function wholeCharacters(bytes: Buffer): number {
  for (let at = bytes.length - 1; at > bytes.length - 4 && at > 0; at -= 1)
    if (((bytes[at] ?? 0) & 0xc0) !== 0x80) return at
  return bytes.length
}

/** `2026-01-02T03:04:05.123456789Z text`. */
function parseLine(line: string, stream: Frame['stream']): LogLine {
  const space = line.indexOf(' ')
  return { time: line.slice(0, space), stream, text: line.slice(space + 1) }
}
