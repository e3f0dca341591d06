/** A message as it is sent in a stream: two bytes with its length before it. */
export function tcpMessage(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(message.length + 2)
  framed.writeUInt16BE(message.length)
  message.copy(framed, 2)
  return framed
}

/** Cuts a stream into messages. It never holds more than one message and a chunk. */
export class TcpMessages {
  #rest: Buffer = Buffer.alloc(0)

  /** The messages that are complete with this chunk. */
  take(chunk: Buffer): readonly Buffer[] {
    const complete: Buffer[] = []
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= 2) {
      const end = 2 + this.#rest.readUInt16BE(0)
      if (this.#rest.length < end) break
      complete.push(this.#rest.subarray(2, end))
      this.#rest = this.#rest.subarray(end)
    }
    return complete
  }
}
