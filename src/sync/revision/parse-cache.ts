import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Logger, messageOf } from '../../base/index.ts'
import { MANIFEST_PARSER_VERSION, type ParsedManifests } from '../../kube/index.ts'

/** Beyond this nothing is added, and the next start makes the file anew: it is a cache, and most of it is of old commits. */
const MAX_FILE_BYTES = 256 * 1024 * 1024

/** Entries that lie close together are read in one go of at most so many bytes. */
const READ_BYTES = 4 * 1024 * 1024
const READ_GAP_BYTES = 64 * 1024

const HEADER = `bowline parse cache ${MANIFEST_PARSER_VERSION}\n`
/** `<oid> <length> <first 16 digits of the content's SHA-256>` */
const RECORD = /^([0-9a-f]{40,64}) (\d{1,9}) ([0-9a-f]{16})$/

interface Place {
  readonly offset: number
  readonly length: number
  readonly digest: string
}

/**
 * What was parsed before, by blob id and free of paths, across restarts: one file to which records are appended.
 * Nothing in it is trusted: every record has a digest, and what does not fit is parsed again. Without a folder it is empty.
 */
export class ParseCache {
  readonly #log: Logger
  readonly #places = new Map<string, Place>()
  readonly #added: { readonly oid: string; readonly json: Uint8Array }[] = []
  #file: FileHandle | undefined
  #size = 0
  #writing: Promise<void> = Promise.resolve()

  private constructor(log: Logger) {
    this.#log = log
  }

  /** Opens the cache in `folder`; undefined: nothing is kept. Never throws: a cache that cannot be used is an empty one. */
  static async open(folder: string | undefined, log: Logger): Promise<ParseCache> {
    const cache = new ParseCache(log)
    if (folder === undefined) return cache
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await cache.#openFile(join(folder, 'parsed-manifests'))
    } catch (error) {
      log.warn('cannot use the cache of parsed manifests', { folder, reason: messageOf(error) })
      await cache.close()
    }
    return cache
  }

  /** True when {@link read} may find this blob. */
  has(oid: string): boolean {
    return this.#places.has(oid)
  }

  /** What is known of these blobs; those that are not known, or whose record is damaged, are left out. */
  async *read(oids: readonly string[]): AsyncGenerator<readonly [oid: string, parsed: ParsedManifests]> {
    const known = oids.flatMap(oid => {
      const place = this.#places.get(oid)
      return place === undefined ? [] : [{ oid, place }]
    })
    known.sort((a, b) => a.place.offset - b.place.offset)
    for (let at = 0; at < known.length; ) {
      const group = takeGroup(known, at)
      at += group.length
      const start = (group[0] as (typeof known)[number]).place.offset
      const last = (group.at(-1) as (typeof known)[number]).place
      const bytes = await this.#readBytes(start, last.offset + last.length - start)
      for (const { oid, place } of group) {
        const json = bytes?.subarray(place.offset - start, place.offset - start + place.length)
        const parsed = json === undefined || digestOf(json) !== place.digest ? undefined : parseRecord(json)
        if (parsed === undefined) this.#places.delete(oid)
        else yield [oid, parsed]
      }
    }
  }

  /** Keeps the JSON of what a blob holds; written by the next {@link flush}. */
  add(oid: string, json: Uint8Array): void {
    if (this.#file !== undefined && this.#size <= MAX_FILE_BYTES && !this.#places.has(oid))
      this.#added.push({ oid, json })
  }

  /** Writes what was added. Losing it costs only time, so nothing waits for the disk. */
  flush(): Promise<void> {
    this.#writing = this.#writing
      .then(() => this.#append())
      .catch(async (error: unknown) => {
        this.#log.warn('cannot write the cache of parsed manifests', { reason: messageOf(error) })
        await this.#forget()
      })
    return this.#writing
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#forget()
  }

  async #forget(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    this.#places.clear()
    this.#added.length = 0
    await file?.close().catch(() => {})
  }

  async #openFile(path: string): Promise<void> {
    this.#file = await open(path, 'a+', 0o600)
    const { size } = await this.#file.stat()
    const usable = size <= MAX_FILE_BYTES ? await this.#readIndex(size) : 0
    if (usable === 0 && size > 0) {
      await this.#file.close()
      this.#file = undefined
      await rm(path, { force: true })
      this.#file = await open(path, 'a+', 0o600)
    } else if (usable < size) await this.#file.truncate(usable)
    this.#size = usable
    if (usable === 0) {
      await this.#file.appendFile(HEADER)
      this.#size = Buffer.byteLength(HEADER)
    }
  }

  /** Learns where each record lies; the number of bytes up to the end of the last whole one, 0 when the file is of another kind. */
  async #readIndex(size: number): Promise<number> {
    let window: Buffer = Buffer.alloc(0)
    let windowStart = 0
    const at = async (offset: number, length: number): Promise<Buffer> => {
      if (offset < windowStart || offset + length > windowStart + window.length) {
        window = (await this.#readBytes(offset, Math.min(READ_BYTES, size - offset))) ?? Buffer.alloc(0)
        windowStart = offset
      }
      return window.subarray(offset - windowStart, offset - windowStart + length)
    }
    if ((await at(0, HEADER.length)).toString('latin1') !== HEADER) return 0
    let offset = HEADER.length
    for (;;) {
      const head = await at(offset, Math.min(128, size - offset))
      const end = head.indexOf(0x0a)
      const match = end === -1 ? null : RECORD.exec(head.toString('latin1', 0, end))
      if (match === null) return offset
      const [, oid = '', digits = '', digest = ''] = match
      const length = Number(digits)
      const next = offset + end + 1 + length + 1
      if (next > size) return offset
      this.#places.set(oid, { offset: offset + end + 1, length, digest })
      offset = next
    }
  }

  async #append(): Promise<void> {
    const added = this.#added.splice(0)
    const file = this.#file
    if (added.length === 0 || file === undefined) return
    const parts: Uint8Array[] = []
    let offset = this.#size
    const places: [string, Place][] = []
    for (const { oid, json } of added) {
      const digest = digestOf(json)
      const head = Buffer.from(`${oid} ${json.byteLength} ${digest}\n`)
      parts.push(head, json, Buffer.from('\n'))
      places.push([oid, { offset: offset + head.length, length: json.byteLength, digest }])
      offset += head.length + json.byteLength + 1
    }
    await file.appendFile(Buffer.concat(parts))
    this.#size = offset
    for (const [oid, place] of places) this.#places.set(oid, place)
  }

  async #readBytes(offset: number, length: number): Promise<Buffer | undefined> {
    const buffer = Buffer.allocUnsafe(length)
    const result = await this.#file?.read(buffer, 0, length, offset).catch(() => undefined)
    return result?.bytesRead === length ? buffer : undefined
  }
}

/** The entries from `start` on that are worth one read. */
function takeGroup<T extends { readonly place: Place }>(known: readonly T[], start: number): readonly T[] {
  const first = (known[start] as T).place
  let end = start + 1
  for (; end < known.length; end += 1) {
    const { place } = known[end] as T
    const before = (known[end - 1] as T).place
    const isNear = place.offset - (before.offset + before.length) <= READ_GAP_BYTES
    if (!isNear || place.offset + place.length - first.offset > READ_BYTES) break
  }
  return known.slice(start, end)
}

function digestOf(json: Uint8Array): string {
  return createHash('sha256').update(json).digest('hex').slice(0, 16)
}

function parseRecord(json: Buffer): ParsedManifests | undefined {
  try {
    return JSON.parse(json.toString('utf8')) as ParsedManifests
  } catch {
    return undefined
  }
}
