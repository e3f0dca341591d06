import type { FileHandle } from 'node:fs/promises'
import type { LogLine, LogOptions } from '../runtime.ts'

/** How far a stream was read: which of the keeper's files, and how many bytes of it. */
export interface Position {
  readonly file: number
  readonly offset: number
}

export type Positions = Record<LogLine['stream'], Position>

const CHUNK_BYTES = 64 * 1024

/** A file of the log and how much of it is to be read; what comes later reaches a follower another way. */
export interface LogPart {
  readonly handle: FileHandle
  readonly size: number
}

/** One line of a log file; see `LogFiles`. */
export function formatRecord({ time, stream, text }: LogLine, { stdout, stderr }: Positions): string {
  const complete = text.endsWith('\n')
  const where = `${stdout.file}:${stdout.offset},${stderr.file}:${stderr.offset}`
  return `${time} ${stream} ${complete ? 'F' : 'P'} ${where} ${complete ? text : `${text}\n`}`
}

function parseRecord(record: string): LogLine | undefined {
  const match = /^(\S+) (stdout|stderr) ([FP]) \S+ (.*)$/s.exec(record)
  if (match === null) return undefined
  const [, time = '', stream, tag, text = ''] = match
  return { time, stream: stream as LogLine['stream'], text: tag === 'F' ? `${text}\n` : text }
}

/** The lines of log files, oldest first. */
export async function* readParts(parts: readonly LogPart[]): AsyncGenerator<LogLine, void, void> {
  for (const { handle, size } of parts) {
    let rest: Buffer = Buffer.alloc(0)
    for (let offset = 0; offset < size; ) {
      const length = Math.min(CHUNK_BYTES, size - offset)
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, offset)
      if (bytesRead === 0) break
      offset += bytesRead
      rest = Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      let start = 0
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10, start)) {
        const line = parseRecord(rest.toString('utf8', start, end))
        if (line !== undefined) yield line
        start = end + 1
      }
      rest = rest.subarray(start)
    }
  }
}

/** What the options leave of the lines. */
export async function* limited(
  lines: AsyncIterable<LogLine>,
  { tailLines, sinceMs }: LogOptions,
): AsyncGenerator<LogLine, void, void> {
  if (tailLines === undefined) {
    for await (const line of lines) if (isSince(line, sinceMs)) yield line
    return
  }
  let newest: LogLine[] = []
  for await (const line of lines) {
    if (!isSince(line, sinceMs)) continue
    newest.push(line)
    if (newest.length >= 2 * tailLines + 1_000) newest = tailLines === 0 ? [] : newest.slice(-tailLines)
  }
  if (tailLines > 0) yield* newest.slice(-tailLines)
}

export function isSince(line: LogLine, sinceMs: number | undefined): boolean {
  return sinceMs === undefined || Date.parse(line.time) >= sinceMs
}
