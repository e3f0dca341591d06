import { createHash } from 'node:crypto'
import { BowlineError } from '../../base/index.ts'

const MAGIC = 0xff744f63
const VERSION = 2
/** Where the 256 running counts of ids by their first byte begin, and where they end. */
const FANOUT = 8
const IDS = FANOUT + 256 * 4
const ID_LENGTH = 20
/** The pack's checksum at the end of its file. */
const CHECKSUM_LENGTH = 20

/** Where a pack has which object: a pack's `.idx` file, version 2 (Git's since 2007). */
export class PackIndex {
  readonly #bytes: Buffer
  readonly #count: number
  /** Of the objects in the pack, ascending; made when it is first asked where one ends. */
  #offsets: Float64Array | undefined

  /** Throws `corrupt` for what is no such file. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes
    if (bytes.length < IDS || bytes.readUInt32BE(0) !== MAGIC || bytes.readUInt32BE(4) !== VERSION)
      throw new BowlineError('corrupt', 'Cannot read the index of a pack: it is not of version 2')
    this.#count = this.#countBelow(256)
    if (bytes.length < IDS + this.#count * (ID_LENGTH + 8))
      throw new BowlineError('corrupt', 'Cannot read the index of a pack: it is cut short')
  }

  /** Where in the pack the object begins; undefined when the pack has it not. */
  find(oid: string): number | undefined {
    const at = this.#lowerBound(oid)
    return at < this.#count && this.#idAt(at) === oid ? this.#offsetAt(at) : undefined
  }

  /** Two of the ids that start with `prefix`, or fewer where there are fewer. */
  startingWith(prefix: string): readonly string[] {
    const first = this.#lowerBound(prefix.padEnd(ID_LENGTH * 2, '0'))
    return [first, first + 1]
      .filter(at => at < this.#count)
      .map(at => this.#idAt(at))
      .filter(oid => oid.startsWith(prefix))
  }

  /** Where the object that begins at `offset` ends at the latest, in a pack of `packBytes` bytes. */
  endOf(offset: number, packBytes: number): number {
    this.#offsets ??= Float64Array.from({ length: this.#count }, (_, at) => this.#offsetAt(at)).sort()
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#offsets[middle] as number) <= offset) low = middle + 1
      else high = middle
    }
    return this.#offsets[low] ?? packBytes - CHECKSUM_LENGTH
  }

  /** The place of the first id that is not below `oid`. */
  #lowerBound(oid: string): number {
    const firstByte = Number.parseInt(oid.slice(0, 2), 16)
    let low = this.#countBelow(firstByte)
    let high = this.#countBelow(firstByte + 1)
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#idAt(middle) < oid) low = middle + 1
      else high = middle
    }
    return low
  }

  #countBelow(firstByte: number): number {
    return firstByte === 0 ? 0 : this.#bytes.readUInt32BE(FANOUT + (firstByte - 1) * 4)
  }

  #idAt(at: number): string {
    const start = IDS + at * ID_LENGTH
    return this.#bytes.toString('hex', start, start + ID_LENGTH)
  }

  /** Behind the ids lie their check sums, then offsets; one that 31 bits cannot hold lies in a list of its own behind them. */
  #offsetAt(at: number): number {
    const offsets = IDS + this.#count * (ID_LENGTH + 4)
    const offset = this.#bytes.readUInt32BE(offsets + at * 4)
    if (offset < 0x8000_0000) return offset
    return Number(this.#bytes.readBigUInt64BE(offsets + this.#count * 4 + (offset - 0x8000_0000) * 8))
  }
}

/** What an index says of one object. */
export interface IndexEntry {
  readonly oid: string
  /** Of its bytes in the pack. */
  readonly crc: number
  readonly offset: number
}

/** The index of the pack with this check sum, of version 2. Of two objects of one id it names one. */
export function serializePackIndex(entries: readonly IndexEntry[], packChecksum: Buffer): Buffer {
  const sorted = [...new Map(entries.map(entry => [entry.oid, entry])).values()].sort((a, b) =>
    a.oid < b.oid ? -1 : 1,
  )
  const far = sorted.filter(({ offset }) => offset >= 0x8000_0000)
  const index = Buffer.alloc(IDS + sorted.length * (ID_LENGTH + 8) + far.length * 8)
  index.writeUInt32BE(MAGIC, 0)
  index.writeUInt32BE(VERSION, 4)
  const sums = IDS + sorted.length * ID_LENGTH
  const offsets = sums + sorted.length * 4
  const farOffsets = offsets + sorted.length * 4
  let farCount = 0
  const counts = new Uint32Array(256)
  for (const [at, { oid, crc, offset }] of sorted.entries()) {
    index.write(oid, IDS + at * ID_LENGTH, 'hex')
    index.writeUInt32BE(crc, sums + at * 4)
    const isFar = offset >= 0x8000_0000
    index.writeUInt32BE(isFar ? 0x8000_0000 + farCount : offset, offsets + at * 4)
    if (isFar) {
      index.writeBigUInt64BE(BigInt(offset), farOffsets + farCount * 8)
      farCount += 1
    }
    const firstByte = Number.parseInt(oid.slice(0, 2), 16)
    counts[firstByte] = (counts[firstByte] as number) + 1
  }
  let sum = 0
  for (const [byte, count] of counts.entries()) {
    sum += count
    index.writeUInt32BE(sum, FANOUT + byte * 4)
  }
  const body = Buffer.concat([index, packChecksum])
  return Buffer.concat([body, createHash('sha1').update(body).digest()])
}
