import { constants } from 'node:fs'
import { type FileHandle, open, readdir, rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError, Broadcast, Channel, type Clock, type Logger, messageOf } from '../../../base/index.ts'
import type { LogLine, LogOptions } from '../runtime.ts'
import {
  formatRecord,
  isSince,
  type LogPart,
  limited,
  type Position,
  type Positions,
  readParts,
} from './log-records.ts'

/** As Docker's logs are kept: three files of 10 MB. */
const MAX_FILE_BYTES = 10_000_000
const KEPT_FILES = 3
const READ_BYTES = 64 * 1024
/** A line without an end is cut here, as Docker cuts it. */
const MAX_LINE_BYTES = 16 * 1024
const STREAMS = ['stdout', 'stderr'] as const

type Stream = LogLine['stream']
/** A part of one of the keeper's files. */
interface Piece extends Position {
  readonly bytes: Buffer
  readonly writtenAtMs: number
}

/**
 * The log of one container: turns what the keeper's files hold into lines with a time and a stream.
 *
 * `log.0` is the newest of three files. A line of it is `time stream F|P out:offset,err:offset text`: P marks a text
 * without its line end, and the positions say how far both streams had been read, so that each byte of output becomes
 * part of the log once, whenever the agent was killed. The time is when the agent saw the output; what was said while no
 * agent ran carries the time of the file that held it.
 */
export class LogFiles {
  readonly #folder: string
  readonly #clock: Clock
  readonly #lines: Broadcast<LogLine>
  #positions: Positions | undefined
  #work: Promise<void> = Promise.resolve()
  /** What `takeIn` will do once the work before it is done. */
  #next: Promise<void> | undefined
  #lastStamp = { ms: 0, ordinal: 0 }
  #ended = false

  constructor(folder: string, clock: Clock, log: Logger) {
    this.#folder = folder
    this.#clock = clock
    this.#lines = new Broadcast(error => log.error('a follower of a log failed', { error: messageOf(error) }))
  }

  /** Takes in what is new. With `last`, the container has exited: the rest counts as a line, and followers end. */
  takeIn(last: boolean): Promise<void> {
    // One that has not begun yet will see what is new by then.
    if (!last && this.#next !== undefined) return this.#next
    const next = this.#work.then(() => {
      if (this.#next === next) this.#next = undefined
      return this.#takeIn(last)
    })
    this.#next = next
    this.#work = next.catch(() => undefined)
    return next
  }

  async *read(options: LogOptions, signal: AbortSignal): AsyncGenerator<LogLine, void, void> {
    const live = new Channel<LogLine>(
      100_000,
      () =>
        new BowlineError('unavailable', 'Cannot follow the log: the reader fell too far behind', {
          retryable: true,
        }),
    )
    const onAbort = (): void => live.end()
    signal.addEventListener('abort', onAbort, { once: true })
    let parts: readonly LogPart[] = []
    let unsubscribe: (() => void) | undefined
    // Between two takes, so that each line is either in the files or comes through the channel.
    const prepared = this.#work.then(async () => {
      parts = await this.#openAll()
      if (this.#ended || !options.follow || signal.aborted) live.end()
      else unsubscribe = this.#subscribe(live)
    })
    this.#work = prepared.catch(() => undefined)
    try {
      await prepared
      yield* limited(readParts(parts), options)
      for await (const line of live) if (isSince(line, options.sinceMs)) yield line
    } finally {
      signal.removeEventListener('abort', onAbort)
      unsubscribe?.()
      await Promise.all(parts.map(({ handle }) => handle.close()))
    }
  }

  #subscribe(channel: Channel<LogLine>): () => void {
    return this.#lines.subscribe(line => {
      if (line === END) channel.end()
      else channel.push(line)
    })
  }

  async #takeIn(last: boolean): Promise<void> {
    if (this.#ended) return
    const positions = this.#positions ?? (await this.#recover())
    this.#positions = positions
    try {
      for (const stream of STREAMS) await this.#takeInStream(stream, positions, last)
    } catch (error) {
      // A full disk, perhaps in the middle of a record: what the files say counts.
      this.#positions = undefined
      throw error
    }
    if (!last) return
    this.#ended = true
    this.#lines.publish(END)
  }

  async #takeInStream(stream: Stream, positions: Positions, last: boolean): Promise<void> {
    for (;;) {
      const pieces = await this.#readPieces(stream, positions[stream])
      const chunk = Buffer.concat(pieces.map(({ bytes }) => bytes))
      const isEnd = chunk.length < READ_BYTES
      const taken = await this.#append(stream, chunk, pieces, positions, last && isEnd)
      if (taken === 0 || isEnd) return
    }
  }

  /** What follows a position, from as many files as it takes: a line may begin in one and end in the next. */
  async #readPieces(stream: Stream, { file, offset }: Position): Promise<readonly Piece[]> {
    const pieces: Piece[] = []
    let room = READ_BYTES
    // The keeper drops its oldest files; what was not read of them is lost, as in any rotation.
    for (const number of (await this.#segments(stream)).filter(item => item >= file)) {
      const handle = await openPlain(join(this.#folder, `${stream}.${number}`))
      if (handle === undefined) continue
      try {
        const start = number === file ? offset : 0
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(room), 0, room, start)
        const { mtimeMs } = await handle.stat()
        pieces.push({
          file: number,
          offset: start,
          bytes: buffer.subarray(0, bytesRead),
          writtenAtMs: mtimeMs,
        })
        room -= bytesRead
      } finally {
        await handle.close()
      }
      if (room === 0) break
    }
    return pieces
  }

  /** Writes the whole lines of a chunk, all of it when nothing can follow, and says how many bytes that were. */
  async #append(
    stream: Stream,
    chunk: Buffer,
    pieces: readonly Piece[],
    positions: Positions,
    nothingFollows: boolean,
  ): Promise<number> {
    const lines: LogLine[] = []
    let records = ''
    let start = 0
    while (start < chunk.length) {
      const end = chunk.indexOf(10, start)
      const stop = end >= 0 ? end + 1 : chunk.length
      if (end < 0 && !nothingFollows && stop - start < MAX_LINE_BYTES) break
      const { position, writtenAtMs } = placeIn(pieces, stop)
      positions[stream] = position
      const line = { time: this.#stamp(writtenAtMs), stream, text: chunk.toString('utf8', start, stop) }
      lines.push(line)
      records += formatRecord(line, positions)
      start = stop
    }
    if (lines.length === 0) return 0
    await this.#write(records)
    for (const line of lines) this.#lines.publish(line)
    return start
  }

  async #write(text: string): Promise<void> {
    const current = join(this.#folder, 'log.0')
    const size = await stat(current).then(
      ({ size }) => size,
      () => 0,
    )
    if (size > MAX_FILE_BYTES)
      for (let number = KEPT_FILES - 1; number > 0; number -= 1)
        await rename(join(this.#folder, `log.${number - 1}`), join(this.#folder, `log.${number}`)).catch(
          () => undefined,
        )
    const handle = await open(current, 'a', 0o600)
    try {
      await handle.appendFile(text)
    } finally {
      await handle.close()
    }
  }

  /** RFC 3339 with nanoseconds: the milliseconds of a clock, and then a count that keeps the order. */
  #stamp(writtenAtMs: number): string {
    const now = Math.min(Math.floor(writtenAtMs), this.#clock.now())
    const last = this.#lastStamp
    this.#lastStamp = now > last.ms ? { ms: now, ordinal: 0 } : { ms: last.ms, ordinal: last.ordinal + 1 }
    const { ms, ordinal } = this.#lastStamp
    // A million lines in a millisecond are more than a disk takes; the order of later ones would be all that is lost.
    const fraction = String(Math.min(ordinal, 999_999)).padStart(6, '0')
    return `${new Date(ms).toISOString().slice(0, -1)}${fraction}Z`
  }

  /** Where the last complete record says that reading had come to; drops a record that was torn by a kill. */
  async #recover(): Promise<Positions> {
    const start = { stdout: { file: 0, offset: 0 }, stderr: { file: 0, offset: 0 } }
    for (let number = 0; number < KEPT_FILES; number += 1) {
      const handle = await open(join(this.#folder, `log.${number}`), 'r+').catch(() => undefined)
      if (handle === undefined) continue
      try {
        const { size } = await handle.stat()
        const length = Math.min(size, 2 * READ_BYTES)
        const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length)
        const end = buffer.lastIndexOf(10)
        if (end + 1 < length) await handle.truncate(size - length + end + 1)
        const record = buffer.toString('utf8', buffer.lastIndexOf(10, end - 1) + 1, end)
        const match = /^(\S+) \S+ [FP] (\d+):(\d+),(\d+):(\d+) /.exec(record)
        if (match === null) continue
        const [, time = '', ...numbers] = match
        const [outFile = 0, outOffset = 0, errFile = 0, errOffset = 0] = numbers.map(Number)
        this.#lastStamp = { ms: Date.parse(time), ordinal: Number(time.slice(-7, -1)) }
        return { stdout: { file: outFile, offset: outOffset }, stderr: { file: errFile, offset: errOffset } }
      } finally {
        await handle.close()
      }
    }
    return start
  }

  async #segments(stream: Stream): Promise<readonly number[]> {
    const names = await readdir(this.#folder).catch(() => [])
    return names
      .map(name => (name.startsWith(`${stream}.`) ? name.slice(stream.length + 1) : ''))
      .filter(suffix => /^\d+$/.test(suffix))
      .map(Number)
      .sort((a, b) => a - b)
  }

  /** Oldest first, as long as they are now. */
  async #openAll(): Promise<readonly LogPart[]> {
    const parts: LogPart[] = []
    for (let number = KEPT_FILES - 1; number >= 0; number -= 1) {
      const handle = await openPlain(join(this.#folder, `log.${number}`))
      if (handle !== undefined) parts.push({ handle, size: (await handle.stat()).size })
    }
    return parts
  }
}

/** Stands for the end of the log among its lines. */
const END: LogLine = { time: '', stream: 'stdout', text: '' }

/** Where the byte before `end` of the joined pieces is, as the position behind it. */
function placeIn(pieces: readonly Piece[], end: number): { position: Position; writtenAtMs: number } {
  let before = 0
  for (const { file, offset, bytes, writtenAtMs } of pieces) {
    if (end <= before + bytes.length)
      return { position: { file, offset: offset + end - before }, writtenAtMs }
    before += bytes.length
  }
  throw new RangeError('a place beyond what was read')
}

/** Undefined when there is no such file; links are not followed. */
async function openPlain(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
