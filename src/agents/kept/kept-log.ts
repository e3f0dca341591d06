import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Clock, type Logger, messageOf } from '../../base/index.ts'
import type { Seal } from './seal.ts'

export interface KeptLogOptions {
  /** The file; its folder is made when it is first written. */
  readonly path: string
  readonly seal: Seal
  readonly clock: Clock
  readonly log: Logger
  /** What the records may take on disk; more is not kept, and that is logged. Default 64 MiB. */
  readonly maxBytes?: number
}

interface Change {
  readonly version: string
  /** Undefined: the value is gone. */
  readonly value: unknown
}

/** Where a record lies in the file. */
interface Place {
  readonly version: string
  readonly start: number
  readonly length: number
}

const MAX_BYTES = 64 * 2 ** 20
/** Changes of one moment are written together, and of several of one value only the last. */
const GATHER_MS = 200
const RETRY_MS = 30_000
/** What is outdated may take as much room as what is not, and this much besides. */
const SLACK_BYTES = 256 * 1024

/**
 * Values by key on disk, as a log: each change is appended and flushed, so that a write costs what has changed; the file is
 * written anew when half of it is outdated. A crash or a full disk at any instant leaves every value as it was or as it became. What
 * cannot be written waits and is tried again. Only the places of the values are held in memory.
 */
export class KeptLog {
  readonly #options: KeptLogOptions
  readonly #places = new Map<string, Place>()
  /** In the order of the changes; undefined versions never occur. */
  #pending = new Map<string, Change>()
  /** The length of what is whole; whatever lies behind it is the rest of a write that failed. */
  #size = 0
  #liveBytes = 0
  #loaded = false
  #work: Promise<void> = Promise.resolve()
  #cancelTimer: (() => void) | undefined
  #isFull = false
  #hasFailed = false

  constructor(options: KeptLogOptions) {
    this.#options = options
  }

  /** Reads everything, by key in the order of writing. Once, before anything else; what is damaged is left out. */
  async load(): Promise<ReadonlyMap<string, unknown>> {
    const { path, seal, log } = this.#options
    const values = new Map<string, unknown>()
    const bytes = await readFile(path).catch(error => {
      if ((error as { code?: unknown }).code !== 'ENOENT')
        log.warn('kept state cannot be read and is given up', { path, error: messageOf(error) })
      return Buffer.alloc(0)
    })
    for (let start = 0; ; ) {
      const end = bytes.indexOf(NEWLINE, start)
      if (end === -1) break
      const record = parseRecord(seal.open(bytes.toString('utf8', start, end)))
      if (record !== undefined) {
        const { key, version, value } = record
        this.#place(key, value === undefined ? undefined : { version, start, length: end + 1 - start })
        values.delete(key)
        if (value !== undefined) values.set(key, value)
      }
      start = end + 1
      this.#size = start
    }
    this.#loaded = true
    this.#schedule()
    return values
  }

  /** The version of a value as it was last set; undefined for one that is not kept. */
  version(key: string): string | undefined {
    const pending = this.#pending.get(key)
    if (pending !== undefined) return pending.value === undefined ? undefined : pending.version
    return this.#places.get(key)?.version
  }

  /** Keeps a value, unless this version of it is kept already. It is not looked at before it is written, and must not change. */
  set(key: string, version: string, value: NonNullable<unknown>): void {
    if (this.version(key) === version) return
    this.#change(key, { version, value })
  }

  remove(key: string): void {
    if (this.version(key) !== undefined) this.#change(key, { version: '', value: undefined })
  }

  /** Removes everything but these. */
  keepOnly(isWanted: (key: string) => boolean): void {
    for (const key of new Set([...this.#places.keys(), ...this.#pending.keys()]))
      if (!isWanted(key)) this.remove(key)
  }

  /** Writes what waits, and resolves when it is on disk or could not be written. */
  flushed(): Promise<void> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#loaded) this.#work = this.#work.then(() => this.#write())
    return this.#work
  }

  /** Writes what waits, and nothing any more after that. */
  async close(): Promise<void> {
    await this.flushed()
    this.#loaded = false
    this.#cancelTimer?.()
  }

  #change(key: string, change: Change): void {
    this.#pending.delete(key)
    this.#pending.set(key, change)
    this.#schedule()
  }

  #schedule(afterMs: number = GATHER_MS): void {
    if (!this.#loaded || this.#pending.size === 0 || this.#cancelTimer !== undefined) return
    this.#cancelTimer = this.#options.clock.after(afterMs, () => void this.flushed())
  }

  async #write(): Promise<void> {
    const { path, log } = this.#options
    const changes = this.#pending
    if (changes.size === 0) return
    this.#pending = new Map()
    try {
      await this.#append(changes)
      if (this.#size > 2 * this.#liveBytes + SLACK_BYTES) await this.#compact()
      if (this.#hasFailed) log.info('state is kept on disk again', { path })
      this.#hasFailed = false
      this.#schedule()
    } catch (error) {
      if (!this.#hasFailed) log.warn('state was not kept on disk', { path, error: messageOf(error) })
      this.#hasFailed = true
      // What came meanwhile is newer.
      this.#pending = new Map([...changes, ...this.#pending])
      this.#cancelTimer?.()
      this.#cancelTimer = undefined
      this.#schedule(RETRY_MS)
    }
  }

  async #append(changes: ReadonlyMap<string, Change>): Promise<void> {
    const { path, seal, maxBytes = MAX_BYTES } = this.#options
    const lines: Buffer[] = []
    const places = new Map<string, Place | undefined>()
    let end = this.#size
    let live = this.#liveBytes
    for (const [key, { version, value }] of changes) {
      const line = Buffer.from(`${seal.seal(JSON.stringify([key, version, value]))}\n`)
      live -= this.#places.get(key)?.length ?? 0
      if (value !== undefined && live + line.length > maxBytes) {
        this.#tellFull()
        // Better nothing of it than what it was: it is as if it had been removed.
        if (!this.#places.has(key)) continue
        const removal = Buffer.from(`${seal.seal(JSON.stringify([key, '']))}\n`)
        lines.push(removal)
        end += removal.length
        places.set(key, undefined)
        continue
      }
      lines.push(line)
      places.set(key, value === undefined ? undefined : { version, start: end, length: line.length })
      if (value !== undefined) live += line.length
      end += line.length
    }
    if (lines.length === 0) return
    const file = await openToAppend(path)
    try {
      await file.truncate(this.#size)
      await writeAll(file, Buffer.concat(lines))
      await file.datasync()
    } finally {
      await file.close()
    }
    this.#size = end
    for (const [key, place] of places) this.#place(key, place)
  }

  /** Copies what counts, sealed as it is, in the order of writing. */
  async #compact(): Promise<void> {
    const { path } = this.#options
    const draft = `${path}.new`
    const bytes = await readFile(path)
    const places = [...this.#places].sort(([, a], [, b]) => a.start - b.start)
    const file = await open(draft, 'w', 0o600)
    try {
      await writeAll(
        file,
        Buffer.concat(places.map(([, { start, length }]) => bytes.subarray(start, start + length))),
      )
      await file.datasync()
      await file.close()
      await rename(draft, path)
    } catch (error) {
      await file.close().catch(() => {})
      await rm(draft, { force: true })
      // The longer file is as good, until there is room for another.
      this.#options.log.debug('kept state was not compacted', { path, error: messageOf(error) })
      return
    }
    this.#size = 0
    this.#liveBytes = 0
    this.#places.clear()
    for (const [key, { version, length }] of places) {
      this.#place(key, { version, start: this.#size, length })
      this.#size += length
    }
  }

  #place(key: string, place: Place | undefined): void {
    this.#liveBytes -= this.#places.get(key)?.length ?? 0
    this.#places.delete(key)
    if (place === undefined) return
    this.#places.set(key, place)
    this.#liveBytes += place.length
  }

  #tellFull(): void {
    if (this.#isFull) return
    this.#isFull = true
    const { path, log } = this.#options
    log.warn('state is larger than what is kept on disk: the rest is known only from the server', { path })
  }
}

const NEWLINE = 0x0a

function parseRecord(
  text: string | undefined,
): { readonly key: string; readonly version: string; readonly value: unknown } | undefined {
  if (text === undefined) return undefined
  const record = JSON.parse(text) as readonly [string, string, unknown?]
  return { key: record[0], version: record[1], value: record[2] ?? undefined }
}

/** Almost always the folder is there. */
async function openToAppend(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'a+', 0o600)
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    return await open(path, 'a+', 0o600)
  }
}

async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  // A full disk takes a part of it and says so only for the next.
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, bytes.length - at)).bytesWritten
}
