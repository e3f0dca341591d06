import { BowlineError } from '../../base/index.ts'

/** One write as it is kept in a row. `createRevision` is 0 for a deletion, whose value is empty. */
export interface RowWrite {
  readonly key: string
  readonly createRevision: number
  readonly value: Uint8Array
}

const FORMAT = 1
const HEADER = 5
/** Key length, create revision, value length. */
const WRITE_HEADER = 4 + 8 + 4

/**
 * The bytes of one transaction: a row holds all its writes, so that a transaction is on disk whole or not at all.
 * Layout, big-endian: format u8, count u32, then per write key length u32, createRevision f64, value length u32, key, value.
 */
export function encodeRow(writes: readonly RowWrite[]): Buffer {
  const keyLengths = writes.map(write => Buffer.byteLength(write.key))
  let size = HEADER
  for (const [index, write] of writes.entries())
    size += WRITE_HEADER + keyLengths[index]! + write.value.length
  const row = Buffer.allocUnsafeSlow(size)
  row.writeUInt8(FORMAT, 0)
  row.writeUInt32BE(writes.length, 1)
  let at = HEADER
  for (const [index, write] of writes.entries()) {
    at = row.writeUInt32BE(keyLengths[index]!, at)
    at = row.writeDoubleBE(write.createRevision, at)
    at = row.writeUInt32BE(write.value.length, at)
    at += row.write(write.key, at)
    row.set(write.value, at)
    at += write.value.length
  }
  return row
}

/** The writes of a row; their values share the row's memory. An error of code `corrupt` for anything else. */
export function decodeRow(row: Buffer): RowWrite[] {
  return decode(row, (key, createRevision, start, end) => ({
    key,
    createRevision,
    value: row.subarray(start, end),
  }))
}

/** As `decodeRow`, without the values: nothing of the row's memory is kept. */
export function decodeRowHeads(row: Buffer): Omit<RowWrite, 'value'>[] {
  return decode(row, (key, createRevision) => ({ key, createRevision }))
}

function decode<T>(
  row: Buffer,
  writeOf: (key: string, createRevision: number, valueStart: number, valueEnd: number) => T,
): T[] {
  try {
    if (row.readUInt8(0) !== FORMAT) throw new RangeError(`unknown format ${row.readUInt8(0)}`)
    const count = row.readUInt32BE(1)
    const writes: T[] = []
    let at = HEADER
    for (let index = 0; index < count; index += 1) {
      const keyEnd = at + WRITE_HEADER + row.readUInt32BE(at)
      const valueEnd = keyEnd + row.readUInt32BE(at + 12)
      if (valueEnd > row.length) throw new RangeError('cut short')
      const key = row.toString('utf8', at + WRITE_HEADER, keyEnd)
      writes.push(writeOf(key, row.readDoubleBE(at + 4), keyEnd, valueEnd))
      at = valueEnd
    }
    return writes
  } catch (error) {
    throw new BowlineError('corrupt', 'Cannot read a row of the store: it is damaged', { cause: error })
  }
}
