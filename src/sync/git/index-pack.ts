import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { crc32, createInflate, inflate, inflateSync } from 'node:zlib'
import { BowlineError, breathe } from '../../base/index.ts'
import { objectId } from './loose-object.ts'
import type { ObjectType } from './object.ts'
import { applyDelta, deltaResultSize } from './pack-delta.ts'
import { type EntryHead, HEAD_BYTES, readEntryHead } from './pack-entry.ts'
import { type IndexEntry, serializePackIndex } from './pack-index.ts'

const inflateAside = promisify(inflate)

/** Objects of one pack; each takes some hundred bytes of memory while the index is made. */
const MAX_OBJECTS = 2_000_000
/** Larger objects are unpacked piece by piece, to know their ids and where they end. */
const WHOLE_BYTES = 1024 * 1024
/** Smaller objects are unpacked at once: another thread would cost more than it spares. */
const INLINE_BYTES = 64 * 1024
/** Larger deltas, and what makes more, are left out of the index: no object of that size is read. */
const MAX_DELTA_BYTES = 32 * 1024 * 1024
const MAX_MADE_BYTES = 128 * 1024 * 1024
/** Objects that are held because others are deltas of them. */
const MAX_HELD_BYTES = 512 * 1024 * 1024
const PIECE_BYTES = 1024 * 1024

const PACK_HEAD_BYTES = 12
const CHECKSUM_BYTES = 20

/** An entry as it is found in the pack. */
interface Found extends EntryHead {
  readonly offset: number
  readonly end: number
  readonly crc: number
  /** Known from the start of what is no delta. */
  oid: string | undefined
}

/** An object of which others are deltas. */
interface Base {
  readonly type: ObjectType
  readonly bytes: Buffer
  /** Those that are not made yet. */
  readonly deltas: Found[]
}

/**
 * The index of a pack that a server sent, which may say anything: takes memory within bounds, gives the event loop its turns, and ends
 * with the signal. Throws `corrupt`, or `unsupported` for one that would take too much.
 */
export async function indexPack(file: FileHandle, size: number, signal: AbortSignal): Promise<Buffer> {
  const bytes = new PackBytes(file, size - CHECKSUM_BYTES)
  const found = await scan(bytes, signal)
  await resolveDeltas(bytes, found, signal)
  const checksum = Buffer.alloc(CHECKSUM_BYTES)
  await file.read(checksum, 0, CHECKSUM_BYTES, size - CHECKSUM_BYTES)
  const known = found.flatMap(({ oid, crc, offset }): IndexEntry[] =>
    oid === undefined ? [] : [{ oid, crc, offset }],
  )
  return serializePackIndex(known, checksum)
}

/** Where every object begins and ends, and the ids of those that are no deltas. */
async function scan(bytes: PackBytes, signal: AbortSignal): Promise<readonly Found[]> {
  const head = await bytes.read(0, PACK_HEAD_BYTES)
  if (head.length < PACK_HEAD_BYTES || head.toString('latin1', 0, 4) !== 'PACK' || head.readUInt32BE(4) !== 2)
    throw corrupt('it is no pack of version 2')
  const count = head.readUInt32BE(8)
  if (count > MAX_OBJECTS)
    throw new BowlineError('unsupported', `the pack has more than ${MAX_OBJECTS} objects`)
  const found: Found[] = []
  let offset = PACK_HEAD_BYTES
  while (found.length < count) {
    await breathe()
    signal.throwIfAborted()
    const entry = readEntryHead(await bytes.read(offset, HEAD_BYTES), offset)
    if (typeof entry.base === 'number' && (entry.base < PACK_HEAD_BYTES || entry.base >= offset))
      throw corrupt('a delta has no base')
    const { end, oid } = await (entry.size > WHOLE_BYTES
      ? measure(bytes, entry, signal)
      : identify(bytes, entry))
    found.push({ ...entry, offset, end, oid, crc: await bytes.checkSum(offset, end) })
    offset = end
  }
  if (offset !== bytes.end) throw corrupt('the pack has another number of objects than it says')
  return found
}

/** Where an entry ends, and the id of what is no delta. */
interface Identified {
  readonly end: number
  readonly oid: string | undefined
}

async function identify(pack: PackBytes, entry: EntryHead): Promise<Identified> {
  // What compression makes of bytes is hardly longer than they.
  const { bytes, packedBytes } = await unpack(pack, entry, 2 * entry.size + 1024)
  return { end: entry.at + packedBytes, oid: entry.type && objectId(entry.type, bytes) }
}

interface Unpacked {
  readonly bytes: Buffer
  readonly packedBytes: number
}

interface WithEngine {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

/** Unpacks what is small enough to be held, and has so many bytes in the pack at most. */
async function unpack(pack: PackBytes, { at, size }: EntryHead, mostPacked: number): Promise<Unpacked> {
  const packed = await pack.read(at, mostPacked)
  // One byte more than there may be, so that a longer one is told from a whole one; zlib wants 64 at least.
  const options = { info: true, maxOutputLength: size + 1, chunkSize: Math.max(64, size + 1) }
  try {
    const unpacked = size <= INLINE_BYTES ? inflateSync(packed, options) : await inflateAside(packed, options)
    // As they are with `info`, which the types do not know.
    const { buffer, engine } = unpacked as unknown as WithEngine
    if (buffer.length === size) return { bytes: buffer, packedBytes: engine.bytesWritten }
  } catch (cause) {
    throw corrupt('an object cannot be unpacked', cause)
  }
  throw corrupt('an object is not as long as it says')
}

/** Unpacks what may be of any size without holding it. */
async function measure(
  pack: PackBytes,
  { type, at, size }: EntryHead,
  signal: AbortSignal,
): Promise<Identified> {
  const hash = createHash('sha1').update(`${type} ${size}\0`)
  const unpacking = createInflate({ chunkSize: PIECE_BYTES })
  const source = Readable.from(pack.pieces(at))
  source.on('error', error => unpacking.destroy(error))
  source.pipe(unpacking)
  let length = 0
  try {
    for await (const chunk of unpacking) {
      signal.throwIfAborted()
      length += (chunk as Buffer).length
      if (length > size) break
      hash.update(chunk as Buffer)
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw corrupt('an object cannot be unpacked', cause)
  } finally {
    source.destroy()
  }
  if (length !== size) throw corrupt('an object is not as long as it says')
  return { end: at + unpacking.bytesWritten, oid: type && hash.digest('hex') }
}

/** Finds the ids of deltas, from what they are deltas of on: one that leads to nothing whole is never come to. */
async function resolveDeltas(pack: PackBytes, found: readonly Found[], signal: AbortSignal): Promise<void> {
  const deltas = new Map<number | string, Found[]>()
  for (const entry of found) {
    if (entry.base === undefined) continue
    const others = deltas.get(entry.base)
    if (others === undefined) deltas.set(entry.base, [entry])
    else others.push(entry)
  }
  const take = ({ offset, oid }: Found): Found[] => {
    const own = [...(deltas.get(offset) ?? []), ...(deltas.get(oid ?? '') ?? [])]
    deltas.delete(offset)
    deltas.delete(oid ?? '')
    return own
  }
  for (const root of found) {
    if (root.type === undefined || root.size > MAX_MADE_BYTES) continue
    const own = take(root)
    if (own.length === 0) continue
    const bases: Base[] = [
      { type: root.type, bytes: (await unpack(pack, root, root.end - root.at)).bytes, deltas: own },
    ]
    let held = root.size
    for (let base = bases.pop(); base !== undefined; base = bases.pop()) {
      await breathe()
      signal.throwIfAborted()
      const entry = base.deltas.pop()
      // What nothing is a delta of any more is let go before what comes of it is looked at.
      if (base.deltas.length > 0) bases.push(base)
      else held -= base.bytes.length
      if (entry === undefined || entry.size > MAX_DELTA_BYTES) continue
      const delta = (await unpack(pack, entry, entry.end - entry.at)).bytes
      if ((deltaResultSize(delta) ?? 0) > MAX_MADE_BYTES) continue
      const bytes = applyDelta(base.bytes, delta)
      entry.oid = objectId(base.type, bytes)
      const more = take(entry)
      if (more.length === 0) continue
      bases.push({ type: base.type, bytes, deltas: more })
      held += bytes.length
      if (held > MAX_HELD_BYTES)
        throw new BowlineError('unsupported', 'the deltas of the pack take too much memory')
    }
  }
}

/** The bytes of a pack before its check sum, read by the megabyte. */
class PackBytes {
  readonly end: number
  readonly #file: FileHandle
  #buffer: Buffer = Buffer.alloc(0)
  #start = 0

  constructor(file: FileHandle, end: number) {
    this.#file = file
    this.end = end
  }

  /** So many bytes from `at`, fewer at the end. */
  async read(at: number, length: number): Promise<Buffer> {
    const wanted = Math.max(0, Math.min(length, this.end - at))
    const from = at - this.#start
    if (from >= 0 && from + wanted <= this.#buffer.length) return this.#buffer.subarray(from, from + wanted)
    const buffer = Buffer.allocUnsafe(Math.max(wanted, Math.min(PIECE_BYTES, this.end - at), 0))
    const { bytesRead } = await this.#file.read(buffer, 0, buffer.length, at)
    this.#buffer = buffer.subarray(0, bytesRead)
    this.#start = at
    return this.#buffer.subarray(0, wanted)
  }

  async *pieces(start: number, end: number = this.end): AsyncGenerator<Buffer> {
    for (let at = start; at < end; ) {
      const piece = await this.read(at, Math.min(PIECE_BYTES, end - at))
      if (piece.length === 0) return
      yield piece
      at += piece.length
    }
  }

  async checkSum(start: number, end: number): Promise<number> {
    if (end - start <= PIECE_BYTES) return crc32(await this.read(start, end - start))
    let sum = 0
    for await (const piece of this.pieces(start, end)) sum = crc32(piece, sum)
    return sum
  }
}

function corrupt(state: string, cause?: unknown): BowlineError {
  return new BowlineError('corrupt', state, { cause })
}
