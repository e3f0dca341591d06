import { BowlineError } from '../../base/index.ts'
import type { ObjectType } from './object.ts'

/** More than the head of an entry ever takes: its size, and the place or id of what it is a delta of. */
export const HEAD_BYTES = 48

const TYPES: ReadonlyMap<number, ObjectType> = new Map([
  [1, 'commit'],
  [2, 'tree'],
  [3, 'blob'],
  [4, 'tag'],
])
const OFFSET_DELTA = 6
const REF_DELTA = 7

/** What stands before the compressed bytes of an object in a pack. */
export interface EntryHead {
  /** Undefined: a delta. */
  readonly type: ObjectType | undefined
  /** Where that which it is a delta of begins, or its id. */
  readonly base: number | string | undefined
  /** Of what is compressed. */
  readonly size: number
  /** Where that begins. */
  readonly at: number
}

/** Reads the head of the entry at `offset`, of which `bytes` are the first. Throws `corrupt`. */
export function readEntryHead(bytes: Buffer, offset: number): EntryHead {
  let at = 0
  const next = (): number => {
    const byte = bytes[at]
    if (byte === undefined) throw new BowlineError('corrupt', 'its head is cut short')
    at += 1
    return byte
  }
  let byte = next()
  const code = (byte >> 4) & 7
  let size = byte & 15
  for (let unit = 16; byte >= 0x80; unit *= 128) {
    byte = next()
    size += (byte & 0x7f) * unit
  }
  const type = TYPES.get(code)
  let base: number | string | undefined
  if (code === OFFSET_DELTA) {
    byte = next()
    let back = byte & 0x7f
    while (byte >= 0x80) {
      byte = next()
      back = (back + 1) * 128 + (byte & 0x7f)
    }
    base = offset - back
  } else if (code === REF_DELTA) {
    base = bytes.toString('hex', at, at + 20)
    at += 20
  } else if (type === undefined) throw new BowlineError('corrupt', `it is of type ${code}`)
  return { type, base, size, at: offset + at }
}
