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

async function* readTerminal(source: Readable): AsyncGenerator<LogLine, void, void> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of source as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let start = 0
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
      yield parseLine(rest.toString('utf8', start, end + 1), 'stdout')
      start = end + 1
    }
    rest = rest.subarray(start)
  }
  if (rest.length > 0) yield parseLine(rest.toString(), 'stdout')
}

/** `2026-01-02T03:04:05.123456789Z text`. */
function parseLine(line: string, stream: Frame['stream']): LogLine {
  const space = line.indexOf(' ')
  return { time: line.slice(0, space), stream, text: line.slice(space + 1) }
}
