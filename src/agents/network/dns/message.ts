import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  RECURSION_AVAILABLE,
  type RecordType,
} from 'dns-packet'
import type { NamedRecord } from './cluster-zone.ts'
import { compressNames } from './compress-names.ts'
import { countAdditional, cutAfter, findRecords, HEADER_BYTES, Types } from './wire.ts'

export const Rcodes = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const

export interface Query {
  readonly id: number
  /** The name as it was asked. */
  readonly name: string
  /** In the codec's words: `A`, `SRV`, `UNKNOWN_65`. */
  readonly type: string
  /** The question as it was sent, for the answer to repeat byte by byte. */
  readonly question: Buffer
  readonly recursionDesired: boolean
  readonly checkingDisabled: boolean
  /** Undefined for a client without EDNS. */
  readonly edns: { readonly udpBytes: number; readonly dnssecOk: boolean } | undefined
}

/** What is wrong with a query, as an answer's code; `answer` is what the sender is told. */
export interface BadQuery {
  readonly answer: Buffer
}

/** Without EDNS a datagram has at most so many bytes. */
const PLAIN_UDP_BYTES = 512
/** What reaches everybody in one piece, after the DNS flag day 2020. */
export const MAX_UDP_BYTES = 1232
const OPT_BYTES = 11
/** A query has an OPT record, perhaps a cookie or a signature. More is no query. */
const MAX_QUERY_RECORDS = 8

const QR = 0x80
const OPCODE = 0x78
const TC = 0x02
const RD = 0x01
const CD = 0x10
const DO = 0x8000

/** Undefined for what deserves no answer: too short for a header, or an answer itself. Never throws. */
export function readQuery(bytes: Buffer): Query | BadQuery | undefined {
  if (bytes.length < HEADER_BYTES || (bytes.readUInt8(2) & QR) !== 0) return undefined
  if ((bytes.readUInt8(2) & OPCODE) !== 0) return { answer: headerOnly(bytes, Rcodes.notImplemented) }
  try {
    const records = [6, 8, 10].reduce((sum, at) => sum + bytes.readUInt16BE(at), 0)
    if (records > MAX_QUERY_RECORDS) throw new RangeError('a query must have few records: it has many')
    const places = findRecords(bytes)
    const { questionEnd } = places
    // Of the records only one is of interest, and to decode sixty kilobytes of others takes the codec a sixth of a second.
    const asked = decode(cutAfter(bytes, places, questionEnd)).questions?.[0]
    if (asked === undefined) throw new RangeError('a query must have a question: it has none')
    if (asked.class !== 'IN' && asked.class !== 'ANY')
      return { answer: headerOnly(bytes, Rcodes.refused, questionEnd) }
    if (asked.type === 'AXFR' || asked.type === 'IXFR')
      return { answer: headerOnly(bytes, Rcodes.refused, questionEnd) }
    const opt = places.records.find(({ section, type }) => section === 'additional' && type === Types.OPT)
    return {
      id: bytes.readUInt16BE(0),
      name: asked.name,
      type: asked.type,
      question: Buffer.from(bytes.subarray(HEADER_BYTES, questionEnd)),
      recursionDesired: (bytes.readUInt8(2) & RD) !== 0,
      checkingDisabled: (bytes.readUInt8(3) & CD) !== 0,
      edns: opt && {
        udpBytes: bytes.readUInt16BE(opt.ttlAt - 2),
        dnssecOk: (bytes.readUInt16BE(opt.ttlAt + 2) & DO) !== 0,
      },
    }
  } catch {
    return { answer: headerOnly(bytes, Rcodes.formatError) }
  }
}

export function isBadQuery(read: Query | BadQuery): read is BadQuery {
  return 'answer' in read
}

/** The header turned into an answer, with the question if it was understood. */
function headerOnly(bytes: Buffer, rcode: number, questionEnd: number = HEADER_BYTES): Buffer {
  const answer = Buffer.from(bytes.subarray(0, questionEnd))
  answer.writeUInt8((bytes.readUInt8(2) & (OPCODE | RD)) | QR, 2)
  answer.writeUInt8(rcode, 3)
  answer.fill(0, 4, HEADER_BYTES)
  if (questionEnd > HEADER_BYTES) answer.writeUInt16BE(1, 4)
  return answer
}

export interface AnswerContent {
  readonly rcode: number
  /** The answer is of this server's own knowledge. */
  readonly authoritative: boolean
  readonly answers: readonly Answer[]
  readonly authorities: readonly Answer[]
  readonly additionals: readonly Answer[]
}

/** An answer's content as a message without an id; `finishAnswer` makes it one query's answer. */
export function encodeAnswer(question: Buffer, content: AnswerContent): Buffer {
  const flags = RECURSION_AVAILABLE | (content.authoritative ? AUTHORITATIVE_ANSWER : 0) | content.rcode
  const records = encode({
    type: 'response',
    flags,
    answers: [...content.answers],
    authorities: [...content.authorities],
    additionals: [...content.additionals],
  })
  const message = Buffer.concat([records.subarray(0, HEADER_BYTES), question, records.subarray(HEADER_BYTES)])
  message.writeUInt16BE(1, 4)
  return compressNames(message)
}

/** A record as the codec takes it. */
export function wireRecord({ name, record }: NamedRecord, ttl: number): Answer {
  return { name, ttl, ...record } as Answer
}

/** What SOA and negative answers of a zone say: ask again after `ttl` seconds. */
export function startOfAuthority(zone: string, domain: string, ttl: number): Answer {
  const data = {
    mname: `ns.dns.${domain}`,
    rname: `hostmaster.${domain}`,
    serial: 1,
    refresh: 7200,
    retry: 1800,
    expire: 86_400,
    minimum: ttl,
  }
  return { name: zone, type: 'SOA', ttl, data }
}

export function rcodeOf(message: Buffer): number {
  return message.readUInt8(3) & 0x0f
}

/** The answer section of a message, by the codec. Throws for a message that it does not understand. */
export function readAnswers(message: Buffer): readonly Answer[] {
  return decode(message).answers ?? []
}

/** How many bytes an answer to this query may have in a datagram. */
export function udpLimit({ edns }: Query): number {
  return Math.min(Math.max(edns?.udpBytes ?? 0, PLAIN_UDP_BYTES), MAX_UDP_BYTES)
}

/**
 * Makes a message without OPT record the answer to a query: its id and flags, its question in the asker's case, an OPT record
 * for who sent one, and no more than `limit` bytes. Records beyond that are left out, and the asker is told to come by TCP.
 */
export function finishAnswer(message: Buffer, query: Query, limit: number): Buffer {
  const room = limit - (query.edns === undefined ? 0 : OPT_BYTES)
  const body = message.length <= room ? Buffer.from(message) : truncated(message, room)
  body.writeUInt16BE(query.id, 0)
  body.writeUInt8((body.readUInt8(2) & ~RD) | QR | (query.recursionDesired ? RD : 0), 2)
  body.writeUInt8((body.readUInt8(3) & ~CD) | (query.checkingDisabled ? CD : 0), 3)
  query.question.copy(body, HEADER_BYTES)
  if (query.edns === undefined) return body
  countAdditional(body, 1)
  return Buffer.concat([body, optRecord(query.edns.dnssecOk)])
}

function truncated(message: Buffer, room: number): Buffer {
  const places = findRecords(message)
  const end = places.records.findLast(record => record.end <= room)?.end ?? places.questionEnd
  const lost = places.records.find(record => record.end > end)
  const body = cutAfter(message, places, end)
  // What is only there for the asker's comfort may be missing unnoticed.
  if (lost?.section !== 'additional') body.writeUInt8(body.readUInt8(2) | TC, 2)
  return body
}

/** The same question as sent to a resolver. A client without EDNS is asked for without it. */
export function encodeQuery(query: Query, id: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt16BE(id, 0)
  header.writeUInt8(RD, 2)
  header.writeUInt8(query.checkingDisabled ? CD : 0, 3)
  header.writeUInt16BE(1, 4)
  if (query.edns === undefined) return Buffer.concat([header, query.question])
  countAdditional(header, 1)
  return Buffer.concat([header, query.question, optRecord(query.edns.dnssecOk)])
}

/** A query of the same type for another name, which a message can carry. */
export function queryFor(query: Query, name: string): Query {
  const message = encode({ type: 'query', questions: [{ name, type: query.type as RecordType }] })
  return { ...query, name, question: message.subarray(HEADER_BYTES) }
}

function optRecord(dnssecOk: boolean): Buffer {
  const opt = Buffer.alloc(OPT_BYTES)
  opt.writeUInt16BE(Types.OPT, 1)
  opt.writeUInt16BE(MAX_UDP_BYTES, 3)
  opt.writeUInt16BE(dnssecOk ? DO : 0, 7)
  return opt
}

export interface Response {
  readonly message: Buffer
  readonly rcode: number
  readonly isTruncated: boolean
}

/**
 * A resolver's answer to a query sent with this id, without its OPT record. Undefined when it is not that: another id or
 * question, or bytes that are no message. Never throws.
 */
export function readResponse(bytes: Buffer, query: Query, id: number): Response | undefined {
  try {
    if (bytes.readUInt16BE(0) !== id || (bytes.readUInt8(2) & QR) === 0) return undefined
    const places = findRecords(bytes)
    const question = bytes.subarray(HEADER_BYTES, places.questionEnd)
    if (!isSameQuestion(question, query.question)) return undefined
    const opt = places.records.findIndex(({ type }) => type === Types.OPT)
    // It is the last one; what a resolver puts behind it is additional, and goes with it.
    const end = opt === -1 ? places.records.at(-1)?.end : places.records[opt - 1]?.end
    const message = cutAfter(bytes, places, end ?? places.questionEnd)
    return {
      message,
      rcode: rcodeOf(bytes),
      isTruncated: (bytes.readUInt8(2) & TC) !== 0,
    }
  } catch {
    return undefined
  }
}

function isSameQuestion(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && withoutCase(one) === withoutCase(other)
}

/** Only letters of the name have a case: a type may have a letter's value. */
function withoutCase(question: Buffer): string {
  const nameEnd = question.length - 4
  const name = question.toString('latin1', 0, nameEnd).replace(/[A-Z]/g, letter => letter.toLowerCase())
  return name + question.toString('latin1', nameEnd)
}

/** Keys of questions: the same for the same records, whatever the case. */
export function questionKey({ question, edns, checkingDisabled }: Query): string {
  const flags = `${edns === undefined ? '-' : edns.dnssecOk ? 'd' : 'e'}${checkingDisabled ? 'c' : '-'}`
  return flags + withoutCase(question)
}
