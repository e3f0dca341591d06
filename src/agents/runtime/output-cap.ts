/** What a command may say: kubelet's limit for the output of a probe. */
const MAX_BYTES = 16 * 1024

/** Collects output and drops what goes beyond the limit. */
export class OutputCap {
  readonly #chunks: Uint8Array[] = []
  #room = MAX_BYTES

  add(chunk: Uint8Array): void {
    if (this.#room === 0) return
    const taken = chunk.subarray(0, this.#room)
    this.#chunks.push(taken)
    this.#room -= taken.length
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString()
  }
}
