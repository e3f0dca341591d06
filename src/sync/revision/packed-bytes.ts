/** Many byte strings in one buffer: what travels between threads is moved in one piece and not copied one by one. */
export interface PackedBytes {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly lengths: readonly number[]
}

/** Copies parts into one new buffer of their own, so that it can be transferred. */
export function packBytes(parts: readonly Uint8Array[]): PackedBytes {
  const lengths = parts.map(part => part.byteLength)
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.byteLength
  }
  return { bytes, lengths }
}

/** The parts again, as views into the buffer. */
export function unpackBytes({ bytes, lengths }: PackedBytes): readonly Uint8Array[] {
  let offset = 0
  return lengths.map(length => {
    offset += length
    return bytes.subarray(offset - length, offset)
  })
}
