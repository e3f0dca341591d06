import { BowlineError } from '../base/index.ts'

const NEWLINE = 0x0a

/** The longest line that is accepted, in bytes: ten times what an API server accepts as one object. */
const MAX_LINE_BYTES = 32 * 1024 * 1024

/**
 * The JSON values of a stream that holds one a line, whatever the chunk boundaries: chunks may cut lines and multi-byte
 * characters anywhere. Blank lines are skipped; a last line without its newline counts. Throws `corrupt` for a line that is
 * not JSON or is longer than 32 MiB.
 */
export async function* parseJsonLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<unknown, void, void> {
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      const line = chunk.subarray(start, end)
      start = end + 1
      if (pending.length === 0) {
        if (line.length > 0) yield parseLine(line)
        continue
      }
      pending.push(line)
      const whole = Buffer.concat(pending)
      pending = []
      pendingBytes = 0
      if (whole.length > 0) yield parseLine(whole)
    }
    if (start < chunk.length) {
      pending.push(chunk.subarray(start))
      pendingBytes += chunk.length - start
      if (pendingBytes > MAX_LINE_BYTES)
        throw new BowlineError(
          'corrupt',
          `Cannot read a JSON line: it is longer than ${MAX_LINE_BYTES} bytes`,
        )
    }
  }
  if (pendingBytes > 0) yield parseLine(Buffer.concat(pending))
}

function parseLine(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch (cause) {
    // The text itself may hold a Secret, so neither it nor V8's excerpt of it goes into the message.
    throw new BowlineError('corrupt', `Cannot read a JSON line: ${bytes.length} bytes that are not JSON`, {
      retryable: true,
      data: { error: (cause as Error).name },
    })
  }
}
