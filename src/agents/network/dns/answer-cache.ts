import type { Clock } from '../../../base/index.ts'
import { Rcodes } from './message.ts'
import { findRecords, HEADER_BYTES, Types } from './wire.ts'

export interface CachedAnswer {
  /** The answer with the times to live that are left; for one that is stale, a short one. */
  message(): Buffer
  /** Past its time: resolvers are to be asked, and it stands in while none answers. */
  readonly isStale: boolean
}

interface Kept {
  readonly message: Buffer
  /** Where the times to live are in it. */
  readonly ttls: readonly number[]
  readonly storedAt: number
  readonly freshUntil: number
  /** Resolvers had no answer: until then nobody asks them again. */
  deferredUntil: number
}

/** Longer than any record is believed: what changes far away shows within the hour. */
const MAX_TTL_SECONDS = 3600
/** That a name does not exist is believed for less long. */
const MAX_NEGATIVE_TTL_SECONDS = 300
/** What RFC 8767 recommends: how long an answer past its time may stand in, and what it says of its time to live then. */
const STALE_FOR_MS = 24 * 3_600_000
const STALE_TTL_SECONDS = 30
const MAX_ANSWERS = 10_000
const MAX_BYTES = 8 * 1024 * 1024

/** The answers of resolvers by question, bounded in number and bytes; the least recently used go first. */
export class AnswerCache {
  readonly #clock: Clock
  readonly #answers = new Map<string, Kept>()
  #bytes = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#answers.size
  }

  get(key: string): CachedAnswer | undefined {
    const kept = this.#answers.get(key)
    if (kept === undefined) return undefined
    const now = this.#clock.now()
    if (now >= kept.freshUntil + STALE_FOR_MS) {
      this.#remove(key, kept)
      return undefined
    }
    this.#answers.delete(key)
    this.#answers.set(key, kept)
    return { message: () => aged(kept, now), isStale: now >= Math.max(kept.freshUntil, kept.deferredUntil) }
  }

  /** Takes an answer that is past its time for good for `ms` more: resolvers have no better one. */
  defer(key: string, ms: number): void {
    const kept = this.#answers.get(key)
    if (kept !== undefined) kept.deferredUntil = this.#clock.now() + ms
  }

  /** Keeps an answer without OPT record for as long as it says. One that says nothing of its time is not kept. */
  put(key: string, message: Buffer, rcode: number): void {
    const previous = this.#answers.get(key)
    if (previous !== undefined) this.#remove(key, previous)
    const { records } = findRecords(message)
    const seconds = lifetime(message, rcode)
    if (seconds === 0) return
    const now = this.#clock.now()
    const ttls = records.map(record => record.ttlAt)
    const freshUntil = now + seconds * 1000
    this.#answers.set(key, { message, ttls, storedAt: now, freshUntil, deferredUntil: 0 })
    this.#bytes += message.length
    for (const [oldest, kept] of this.#answers) {
      if (this.#answers.size <= MAX_ANSWERS && this.#bytes <= MAX_BYTES) break
      this.#remove(oldest, kept)
    }
  }

  #remove(key: string, kept: Kept): void {
    if (this.#answers.delete(key)) this.#bytes -= kept.message.length
  }
}

function aged({ message, ttls, storedAt, freshUntil }: Kept, now: number): Buffer {
  const copy = Buffer.from(message)
  const isStale = now >= freshUntil
  const age = Math.floor((now - storedAt) / 1000)
  const left = Math.ceil((freshUntil - now) / 1000)
  for (const at of ttls)
    copy.writeUInt32BE(
      isStale ? STALE_TTL_SECONDS : Math.min(left, Math.max(0, message.readUInt32BE(at) - age)),
      at,
    )
  return copy
}

/** Seconds; of an answer without records what the zone's SOA says of such ones (RFC 2308). 0: not to be kept. */
function lifetime(message: Buffer, rcode: number): number {
  const { records } = findRecords(message)
  const answers = records.filter(({ section }) => section === 'answer')
  if (rcode === Rcodes.noError && answers.length > 0)
    return Math.min(MAX_TTL_SECONDS, ...answers.map(({ ttlAt }) => message.readUInt32BE(ttlAt)))
  if (rcode !== Rcodes.noError && rcode !== Rcodes.nameError) return 0
  const soa = records.find(({ section, type }) => section === 'authority' && type === Types.SOA)
  if (soa === undefined || soa.end - soa.dataAt < HEADER_BYTES) return 0
  return Math.min(
    MAX_NEGATIVE_TTL_SECONDS,
    message.readUInt32BE(soa.ttlAt),
    message.readUInt32BE(soa.end - 4),
  )
}
