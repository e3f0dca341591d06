/** Where one record of a message is: its bytes are `[start, end)`. */
export interface RecordPlace {
  readonly section: 'answer' | 'authority' | 'additional'
  readonly start: number
  readonly type: number
  readonly ttlAt: number
  readonly dataAt: number
  readonly end: number
}

export interface MessagePlaces {
  /** Where the only question ends. */
  readonly questionEnd: number
  readonly records: readonly RecordPlace[]
}

export const HEADER_BYTES = 12
/** What stands between a record's name and its data. */
const FIXED_RECORD_BYTES = 10
/** Above it in a length byte, two bytes point to where the name goes on. */
const POINTER = 0xc0
const MAX_LABEL_BYTES = 63
const MAX_NAME_BYTES = 255

export const Types = { NS: 2, CNAME: 5, SOA: 6, PTR: 12, OPT: 41 } as const

/** Counts of the header, in its order. */
const Counts = { question: 4, answer: 6, authority: 8, additional: 10 } as const

/**
 * Finds the records of a message with one question. Throws `RangeError` for a message that ends too soon, has another number
 * of questions, or a question whose name is not written out.
 */
export function findRecords(message: Buffer): MessagePlaces {
  if (message.readUInt16BE(Counts.question) !== 1)
    throw new RangeError('a message must have one question: it has another number of them')
  const questionEnd = skipName(message, HEADER_BYTES, false) + 4
  if (questionEnd > message.length) throw new RangeError('the message ends within its question')
  const records: RecordPlace[] = []
  let at = questionEnd
  for (const section of ['answer', 'authority', 'additional'] as const)
    for (let left = message.readUInt16BE(Counts[section]); left > 0; left -= 1) {
      const nameEnd = skipName(message, at)
      const type = message.readUInt16BE(nameEnd)
      const dataAt = nameEnd + FIXED_RECORD_BYTES
      const end = dataAt + message.readUInt16BE(dataAt - 2)
      if (end > message.length) throw new RangeError('the message ends within a record')
      records.push({ section, start: at, type, ttlAt: nameEnd + 4, dataAt, end })
      at = end
    }
  return { questionEnd, records }
}

/** Where the name at `at` ends, a pointer included. Throws `RangeError` for what is no name. */
export function skipName(message: Buffer, at: number, mayPoint = true): number {
  let end = at
  for (;;) {
    const length = message.readUInt8(end)
    if (length >= POINTER && mayPoint) return end + 2
    if (length > MAX_LABEL_BYTES) throw new RangeError('a label must have at most 63 bytes')
    end += length + 1
    if (end - at > MAX_NAME_BYTES) throw new RangeError('a name must have at most 255 bytes')
    if (length === 0) return end
  }
}

/** The message's records up to `end`, with the header's counts to match. The rest is gone. */
export function cutAfter(message: Buffer, { questionEnd, records }: MessagePlaces, end: number): Buffer {
  const cut = Buffer.from(message.subarray(0, Math.max(questionEnd, end)))
  for (const section of ['answer', 'authority', 'additional'] as const)
    cut.writeUInt16BE(
      records.filter(record => record.section === section && record.end <= end).length,
      Counts[section],
    )
  return cut
}

export function countAdditional(message: Buffer, change: number): void {
  message.writeUInt16BE(message.readUInt16BE(Counts.additional) + change, Counts.additional)
}
