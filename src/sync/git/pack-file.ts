import type { FileHandle } from 'node:fs/promises'
import { promisify } from 'node:util'
import { inflate, inflateSync } from 'node:zlib'
import { BowlineError, breathe } from '../../base/index.ts'
import type { ObjectType } from './object.ts'
import { MAX_OBJECT_BYTES } from './object-database.ts'
import { openOrdinaryFile, readOrdinaryFile } from './ordinary-file.ts'
import { applyDelta, deltaResultSize } from './pack-delta.ts'
import { type EntryHead, HEAD_BYTES, readEntryHead } from './pack-entry.ts'
import { PackIndex } from './pack-index.ts'

const inflateAside = promisify(inflate)

/** The pack is read in pieces of this size; the last few are kept, because objects that are asked for together lie together. */
const PIECE_BYTES = 256 * 1024
const KEPT_PIECES = 16
/** Bytes of objects that are kept as what others are deltas of. */
const KEPT_BYTES = 4 * 1024 * 1024
/** Smaller objects are unpacked at once: another thread would cost more than it spares. */
const INLINE_BYTES = 64 * 1024
/** Deltas upon one another; Git makes 50, and can be told to make 4,095. */
const MAX_CHAIN = 4_095
/** Of the deltas of one chain together. */
const MAX_CHAIN_BYTES = 128 * 1024 * 1024
/** Of thirty million objects. */
const MAX_INDEX_BYTES = 1024 ** 3

export interface PackedObject {
  readonly type: ObjectType
  readonly bytes: Buffer
}

/** One pack of a repository, read where it is asked for and never held as a whole. */
export class PackFile {
  readonly #file: FileHandle
  readonly #size: number
  readonly #index: PackIndex
  /** By number, in the order of use, the least recent first. */
  readonly #pieces = new Map<number, Promise<Buffer>>()
  readonly #kept = new Map<number, PackedObject>()
  #keptBytes = 0
  #reading = 0
  #isRetired = false

  private constructor(file: FileHandle, size: number, index: PackIndex) {
    this.#file = file
    this.#size = size
    this.#index = index
  }

  /** `path` without `.pack` and `.idx`. */
  static async open(path: string): Promise<PackFile> {
    const index = new PackIndex(await readOrdinaryFile(`${path}.idx`, MAX_INDEX_BYTES))
    const { file, size } = await openOrdinaryFile(`${path}.pack`)
    return new PackFile(file, size, index)
  }

  /** Where the object begins; undefined when this pack has it not. */
  find(oid: string): number | undefined {
    return this.#index.find(oid)
  }

  startingWith(prefix: string): readonly string[] {
    return this.#index.startingWith(prefix)
  }

  /** The object that begins at `offset`. Throws `corrupt`, or `unsupported` when it is larger than {@link MAX_OBJECT_BYTES}. */
  async read(offset: number): Promise<PackedObject> {
    this.#reading += 1
    try {
      return await this.#readObject(offset)
    } finally {
      this.#reading -= 1
      if (this.#isRetired) await this.retire()
    }
  }

  /** Closes it as soon as nobody reads it any more. */
  async retire(): Promise<void> {
    this.#isRetired = true
    if (this.#reading === 0) await this.#file.close()
  }

  /** Goes down the chain of deltas to something whole, and up again. */
  async #readObject(offset: number): Promise<PackedObject> {
    const deltas: { readonly offset: number; readonly bytes: Buffer }[] = []
    let at = offset
    let chainBytes = 0
    let found = this.#kept.get(at)
    while (found === undefined) {
      const head = await this.#readHead(at)
      const bytes = await this.#unpack(head, at)
      if (head.type !== undefined) found = this.#keep(at, { type: head.type, bytes })
      else {
        deltas.push({ offset: at, bytes })
        at = (typeof head.base === 'string' ? this.#index.find(head.base) : head.base) ?? -1
        if (deltas.length > MAX_CHAIN || at < 0) throw corrupt('it has no base')
        chainBytes += bytes.length
        if (chainBytes > MAX_CHAIN_BYTES) throw tooLarge()
        found = this.#kept.get(at)
      }
    }
    for (const { offset: place, bytes } of deltas.reverse()) {
      if ((deltaResultSize(bytes) ?? 0) > MAX_OBJECT_BYTES) throw tooLarge()
      await breathe()
      found = this.#keep(place, { type: found.type, bytes: applyDelta(found.bytes, bytes) })
    }
    return found
  }

  async #readHead(offset: number): Promise<EntryHead> {
    return readEntryHead(await this.#readBytes(offset, Math.min(offset + HEAD_BYTES, this.#size)), offset)
  }

  async #unpack({ size, at }: EntryHead, offset: number): Promise<Buffer> {
    if (size > MAX_OBJECT_BYTES) throw tooLarge()
    // The index may say anything of where it ends; what compression makes of bytes is hardly longer than they.
    const end = Math.min(this.#index.endOf(offset, this.#size), at + 2 * size + PIECE_BYTES)
    const packed = await this.#readBytes(at, end)
    // One byte more than there may be, so that a longer one is told from a whole one; zlib wants 64 at least.
    const options = { maxOutputLength: size + 1, chunkSize: Math.max(64, size + 1) }
    const bytes = await (size <= INLINE_BYTES ? inflateSync(packed, options) : inflateAside(packed, options))
    if (bytes.length !== size) throw corrupt('it is not as long as it says')
    return bytes
  }

  async #readBytes(start: number, end: number): Promise<Buffer> {
    const parts: Buffer[] = []
    for (let at = start; at < end; ) {
      const number = Math.floor(at / PIECE_BYTES)
      const first = number * PIECE_BYTES
      const piece = (await this.#piece(number)).subarray(at - first, end - first)
      if (piece.length === 0) throw corrupt('the pack is cut short')
      parts.push(piece)
      at += piece.length
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts)
  }

  #piece(number: number): Promise<Buffer> {
    const piece = this.#pieces.get(number) ?? this.#readPiece(number)
    this.#pieces.delete(number)
    this.#pieces.set(number, piece)
    piece.catch(() => this.#pieces.delete(number))
    for (const oldest of this.#pieces.keys()) {
      if (this.#pieces.size <= KEPT_PIECES) break
      this.#pieces.delete(oldest)
    }
    return piece
  }

  async #readPiece(number: number): Promise<Buffer> {
    const start = number * PIECE_BYTES
    const bytes = Buffer.allocUnsafe(Math.max(0, Math.min(PIECE_BYTES, this.#size - start)))
    const { bytesRead } = await this.#file.read(bytes, 0, bytes.length, start)
    return bytes.subarray(0, bytesRead)
  }

  #keep(offset: number, object: PackedObject): PackedObject {
    if (object.bytes.length > KEPT_BYTES / 16 || this.#kept.has(offset)) return object
    this.#kept.set(offset, object)
    this.#keptBytes += object.bytes.length
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#keptBytes <= KEPT_BYTES) break
      this.#kept.delete(oldest)
      this.#keptBytes -= bytes.length
    }
    return object
  }
}

function corrupt(state: string): BowlineError {
  return new BowlineError('corrupt', state)
}

function tooLarge(): BowlineError {
  return new BowlineError('unsupported', `it is larger than ${MAX_OBJECT_BYTES} bytes`)
}
