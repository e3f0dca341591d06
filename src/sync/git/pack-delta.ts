import { BowlineError } from '../../base/index.ts'

/** How large the object is that a delta makes; undefined for what is no delta. */
export function deltaResultSize(delta: Buffer): number | undefined {
  return readSizes(delta)?.result
}

/** The object that a delta of a pack makes of its base. Throws `corrupt` when the two do not fit. */
export function applyDelta(base: Buffer, delta: Buffer): Buffer {
  const sizes = readSizes(delta)
  if (sizes === undefined || sizes.base !== base.length) throw misfit()
  const result = Buffer.allocUnsafe(sizes.result)
  let { at } = sizes
  let written = 0
  while (at < delta.length) {
    const code = delta[at] as number
    at += 1
    if (code === 0) throw misfit()
    const copy = (code & 0x80) === 0 ? undefined : readCopy(delta, at, code)
    if (copy !== undefined) at = copy.at
    const [source, from, length] = copy === undefined ? [delta, at, code] : [base, copy.offset, copy.length]
    if (copy === undefined) at += code
    if (from + length > source.length || written + length > result.length) throw misfit()
    source.copy(result, written, from, from + length)
    written += length
  }
  if (written !== result.length) throw misfit()
  return result
}

interface Sizes {
  readonly base: number
  readonly result: number
  /** Where the instructions begin. */
  readonly at: number
}

function readSizes(delta: Buffer): Sizes | undefined {
  const base = readSize(delta, 0)
  const result = base && readSize(delta, base.at)
  return result && { base: base.value, result: result.value, at: result.at }
}

/** A number of seven bits a byte, the lowest first; the highest bit says that more follow. */
function readSize(bytes: Buffer, start: number): { readonly value: number; readonly at: number } | undefined {
  let value = 0
  let unit = 1
  for (let at = start; at < bytes.length; at += 1, unit *= 128) {
    const byte = bytes[at] as number
    value += (byte & 0x7f) * unit
    if (byte < 0x80) return { value, at: at + 1 }
  }
  return undefined
}

/** What is to be copied of the base: the bits of `code` say which bytes of offset and length follow. */
function readCopy(
  delta: Buffer,
  start: number,
  code: number,
): { readonly offset: number; readonly length: number; readonly at: number } {
  let at = start
  const readBytes = (firstBit: number, count: number): number => {
    let value = 0
    for (let byte = 0; byte < count; byte += 1)
      if ((code & (1 << (firstBit + byte))) !== 0) {
        value += (delta[at] ?? 0) * 256 ** byte
        at += 1
      }
    return value
  }
  const offset = readBytes(0, 4)
  const length = readBytes(4, 3)
  return { offset, length: length === 0 ? 0x1_0000 : length, at }
}

function misfit(): BowlineError {
  return new BowlineError('corrupt', 'its delta does not fit its base')
}
