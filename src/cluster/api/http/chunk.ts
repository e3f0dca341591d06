const LINE_END = Buffer.from('\r\n')
const LINE_FEED = 0x0a

/** What ends a body of chunks. */
export const LAST_CHUNK: Buffer = Buffer.from('0\r\n\r\n')

/** Bytes, not none, as HTTP/1.1 sends a part of a body whose length nobody knows yet (RFC 9112, section 7.1). */
export function chunkOf(piece: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, LINE_END])
}

/** The bytes in a chunk, for a client of HTTP/1.0. */
export function pieceOf(chunk: Uint8Array): Uint8Array {
  return chunk.subarray(chunk.indexOf(LINE_FEED) + 1, -LINE_END.length)
}
