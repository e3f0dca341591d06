import { hash } from 'node:crypto'
import { readSync } from 'node:fs'
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BowlineError, breathe, type Logger, messageOf } from '../../base/index.ts'
import { MANIFEST_PARSER_VERSION } from '../../kube/index.ts'

/** Beyond this nothing is added, and the next start makes the file anew: it is a cache, and most of it is of old commits. */
const MAX_FILE_BYTES = 256 * 1024 * 1024

/** Entries that lie close together are read in one go of at most so many bytes. */
const READ_BYTES = 4 * 1024 * 1024
const READ_GAP_BYTES = 64 * 1024
/** Records are written in pieces of about so many bytes. */
const WRITE_BYTES = 256 * 1024

/** What records may be called: a blob's id, or that and a namespace. */
const NAME = /^[0-9a-f]{40,64}(?: [-a-z0-9.]{1,253})?$/
/** What stands behind it in the head of a record: the length, and the first 16 digits of the content's SHA-256. */
const REST = /^(\d{1,9}) ([0-9a-f]{16})$/
/** More than the head of a record ever takes. */
const HEAD_BYTES = 384

export interface ParseCacheOptions {
  readonly log: Logger
  /** Of the program: another one may judge otherwise. */
  readonly version: string
  /** Called when a record was found damaged that somebody relied on: whatever was made of the cache is to be made anew. */
  readonly onDamage?: () => void
}

interface Place {
  readonly offset: number
  readonly length: number
  readonly digest: string
}

/**
 * What was made of blobs and trees before, free of paths, across restarts: one file to which records of JSON are appended. Under a
 * blob's id is what it holds (`ParsedManifests`), under the id and a namespace what it declares there (`Verdict`), and under a tree's
 * id and a namespace what all its files do (`FolderRecord`). Nothing in it is trusted: every record has a digest, and what does not
 * fit is made again; so is all of it by a program of another version. Without a folder it is empty.
 */
export class ParseCache {
  readonly #log: Logger
  readonly #onDamage: () => void
  readonly #places = new Map<string, Place>()
  readonly #header: string
  readonly #added: { readonly name: string; readonly json: Uint8Array }[] = []
  #file: FileHandle | undefined
  #size = 0
  /** A write has failed: what is there can be read, and nothing is added. */
  #isClosedToWrites = false
  #writing: Promise<void> = Promise.resolve()

  private constructor({ log, version, onDamage = () => undefined }: ParseCacheOptions) {
    this.#log = log
    this.#onDamage = onDamage
    this.#header = `bowline parse cache ${MANIFEST_PARSER_VERSION} ${version}\n`
  }

  /** Opens the cache in `folder`; undefined: nothing is kept. Never throws: a cache that cannot be used is an empty one. */
  static async open(folder: string | undefined, options: ParseCacheOptions): Promise<ParseCache> {
    const { log } = options
    const cache = new ParseCache(options)
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

  /** The records of these names, some at a time, in the order of the file; those that are not known, or are damaged, are left out. */
  async *read(names: readonly string[]): AsyncGenerator<readonly (readonly [name: string, json: Buffer])[]> {
    const known = names.flatMap(name => {
      const place = this.#places.get(name)
      return place === undefined ? [] : [{ name, place }]
    })
    known.sort((a, b) => a.place.offset - b.place.offset)
    for (let at = 0; at < known.length; ) {
      const group = takeGroup(known, at)
      at += group.length
      const start = (group[0] as (typeof known)[number]).place.offset
      const last = (group.at(-1) as (typeof known)[number]).place
      const bytes = await this.#readBytes(start, last.offset + last.length - start)
      const found: [name: string, json: Buffer][] = []
      for (const { name, place } of group) {
        const json = bytes?.subarray(place.offset - start, place.offset - start + place.length)
        if (json === undefined || digestOf(json) !== place.digest) this.#places.delete(name)
        else found.push([name, json])
        await breathe()
      }
      yield found
    }
  }

  /** Whether there is a record of this name; that it is whole shows when it is read. */
  has(name: string): boolean {
    return this.#places.has(name)
  }

  /**
   * A record that there was, at once: for who knew by its name that it was there, and made nothing of it until now. Throws `corrupt`
   * when it is damaged; then it is forgotten, and `onDamage` called.
   */
  readNow(name: string): Buffer {
    const place = this.#places.get(name)
    const json = place && this.#readBytesNow(place)
    if (place !== undefined && json !== undefined && digestOf(json) === place.digest) return json
    // Told once: whoever reads it again before everything was made anew is refused as well.
    if (this.#places.delete(name)) this.#onDamage()
    throw new BowlineError(
      'corrupt',
      'Cannot read a manifest that was read before: the cache of parsed manifests is damaged; the repository is read again',
      { retryable: true },
    )
  }

  /** Keeps a record; written by the next {@link flush}. */
  add(name: string, json: Uint8Array): void {
    const isOpen = this.#file !== undefined && !this.#isClosedToWrites
    if (isOpen && this.#size <= MAX_FILE_BYTES && NAME.test(name) && !this.#places.has(name))
      this.#added.push({ name, json })
  }

  /** Writes what was added. Losing it costs only time, so nothing waits for the disk. */
  flush(): Promise<void> {
    this.#writing = this.#writing
      .then(() => this.#append())
      .catch((error: unknown) => {
        this.#log.warn('cannot write the cache of parsed manifests', { reason: messageOf(error) })
        this.#isClosedToWrites = true
        this.#added.length = 0
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
      await this.#file.appendFile(this.#header)
      this.#size = Buffer.byteLength(this.#header)
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
    if ((await at(0, this.#header.length)).toString('latin1') !== this.#header) return 0
    let offset = this.#header.length
    for (;;) {
      const head = await at(offset, Math.min(HEAD_BYTES, size - offset))
      const end = head.indexOf(0x0a)
      const text = head.toString('latin1', 0, Math.max(0, end))
      // From behind, for a name may hold a space: one expression for all of it would try every place, 20,000 times.
      const split = text.lastIndexOf(' ', text.lastIndexOf(' ') - 1)
      const name = text.slice(0, Math.max(0, split))
      const [, digits = '', digest = ''] = REST.exec(text.slice(split + 1)) ?? []
      if (digest === '' || !NAME.test(name)) return offset
      const length = Number(digits)
      const next = offset + end + 1 + length + 1
      if (next > size) return offset
      this.#places.set(name, { offset: offset + end + 1, length, digest })
      offset = next
    }
  }

  /** A piece at a time, and after everything that is waited for. */
  async #append(): Promise<void> {
    const added = this.#added.splice(0)
    let piece = new Piece(this.#size)
    for (const { name, json } of added) {
      piece.add(name, json)
      if (piece.bytes >= WRITE_BYTES) {
        await this.#write(piece)
        piece = new Piece(this.#size)
      }
      await breathe('later')
    }
    if (piece.bytes > 0) await this.#write(piece)
  }

  async #write({ parts, places, bytes }: Piece): Promise<void> {
    if (this.#file === undefined) return
    await this.#file.appendFile(Buffer.concat(parts))
    this.#size += bytes
    for (const [name, place] of places) this.#places.set(name, place)
  }

  async #readBytes(offset: number, length: number): Promise<Buffer | undefined> {
    const buffer = Buffer.allocUnsafe(length)
    const result = await this.#file?.read(buffer, 0, length, offset).catch(() => undefined)
    return result?.bytesRead === length ? buffer : undefined
  }

  #readBytesNow({ offset, length }: Place): Buffer | undefined {
    if (this.#file === undefined) return undefined
    const buffer = Buffer.allocUnsafe(length)
    try {
      return readSync(this.#file.fd, buffer, 0, length, offset) === length ? buffer : undefined
    } catch {
      return undefined
    }
  }
}

/** Records that are written in one go, and where each will lie. */
class Piece {
  readonly parts: Uint8Array[] = []
  readonly places: [name: string, Place][] = []
  bytes = 0
  readonly #start: number

  /** `start`: where in the file it begins. */
  constructor(start: number) {
    this.#start = start
  }

  add(name: string, json: Uint8Array): void {
    const digest = digestOf(json)
    const head = Buffer.from(`${name} ${json.byteLength} ${digest}\n`)
    this.places.push([
      name,
      { offset: this.#start + this.bytes + head.length, length: json.byteLength, digest },
    ])
    this.parts.push(head, json, NEWLINE)
    this.bytes += head.length + json.byteLength + NEWLINE.length
  }
}

const NEWLINE = Buffer.from('\n')

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
  return hash('sha256', json, 'hex').slice(0, 16)
}
