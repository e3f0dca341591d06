import { findRecords, skipName, Types } from './wire.ts'

/** What can be pointed at has an offset below this. */
const POINTER_LIMIT = 0x4000
/** Types whose data is a name that resolvers expect to be compressed (RFC 3597, section 4); an SRV's target is not. */
const NAME_DATA: ReadonlySet<number> = new Set([Types.NS, Types.CNAME, Types.PTR])

/**
 * Names that were written before become pointers, which the codec does not do: an answer of 512 bytes holds 29 addresses
 * instead of 9. The names in `message` must be written out.
 */
export function compressNames(message: Buffer): Buffer {
  const { questionEnd, records } = findRecords(message)
  const output = Buffer.allocUnsafe(message.length)
  const seen = new Map<string, number>()
  let at = 0

  function copy(from: number, to: number): void {
    at += message.copy(output, at, from, to)
  }

  /** Copies the name at `from`, up to the longest end of it that stands somewhere already; returns where it ended. */
  function copyName(from: number): number {
    const end = skipName(message, from)
    let label = from
    while (message[label] !== 0) {
      const rest = message.toString('latin1', label, end)
      const known = seen.get(rest)
      if (known !== undefined) {
        at = output.writeUInt16BE(0xc000 | known, at)
        return end
      }
      if (at < POINTER_LIMIT) seen.set(rest, at)
      const next = label + (message[label] ?? 0) + 1
      copy(label, next)
      label = next
    }
    copy(label, end)
    return end
  }

  copy(0, 12)
  copy(copyName(12), questionEnd)
  for (const { start, type, dataAt, end } of records) {
    copy(copyName(start), dataAt)
    const lengthAt = at - 2
    let data = dataAt
    const names = type === Types.SOA ? 2 : NAME_DATA.has(type) ? 1 : 0
    for (let count = 0; count < names; count += 1) data = copyName(data)
    copy(data, end)
    output.writeUInt16BE(at - lengthAt - 2, lengthAt)
  }
  return output.subarray(0, at)
}
