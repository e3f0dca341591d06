import type { Clock } from '../base/index.ts'

/** client-go `tools/record/events_cache.go`: how much of the past is remembered, and when events count as too many. */
const REMEMBERED = 4096
const SIMILAR_LIMIT = 10
const SIMILAR_WINDOW_MS = 600_000
const BURST = 25
const REFILL_MS = 300_000

/** What tells events apart. */
export interface EventFacts {
  /** The object that the event is about, and which part of it. */
  readonly subject: string
  readonly type: string
  readonly reason: string
  readonly message: string
}

/** What to write for an event: how often it has come, and under which name it was written before (absent: never). */
export interface Correlation {
  readonly key: string
  readonly message: string
  readonly count: number
  readonly firstAt: number
  readonly name: string | undefined
}

/**
 * Keeps repeated events from becoming many objects: the same event again is counted, more than ten alike within ten minutes
 * are combined, and an object that never stops (25 at once, then one in five minutes) is cut off. Remembers the last
 * 4,096 of each.
 */
export class EventCorrelator {
  readonly #clock: Clock
  readonly #written = new Map<string, { count: number; firstAt: number; name: string | undefined }>()
  readonly #similar = new Map<string, { readonly messages: Set<string>; lastAt: number }>()
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Undefined when the event is one too many. */
  correlate(facts: EventFacts): Correlation | undefined {
    if (!this.#admit(facts.subject)) return undefined
    const alike = `${facts.subject}\n${facts.type}\n${facts.reason}`
    const combined = this.#isOneOfMany(alike, facts.message)
    const message = combined ? `(combined from similar events): ${facts.message}` : facts.message
    const key = combined ? alike : `${alike}\n${facts.message}`
    const before = this.#written.get(key)
    const now = {
      count: (before?.count ?? 0) + 1,
      firstAt: before?.firstAt ?? this.#clock.now(),
      name: before?.name,
    }
    remember(this.#written, key, now)
    return { key, message, ...now }
  }

  /** Tells under which name the event was written; undefined when that object is gone again. */
  setName(key: string, name: string | undefined): void {
    const known = this.#written.get(key)
    if (known !== undefined) known.name = name
  }

  #isOneOfMany(alike: string, message: string): boolean {
    const now = this.#clock.now()
    const known = this.#similar.get(alike)
    const recent = known !== undefined && now - known.lastAt < SIMILAR_WINDOW_MS
    const messages = recent ? known.messages : new Set<string>()
    if (messages.size <= SIMILAR_LIMIT) messages.add(message)
    remember(this.#similar, alike, { messages, lastAt: now })
    return messages.size > SIMILAR_LIMIT
  }

  #admit(subject: string): boolean {
    const now = this.#clock.now()
    const bucket = this.#buckets.get(subject) ?? { tokens: BURST, at: now }
    const tokens = Math.min(BURST, bucket.tokens + (now - bucket.at) / REFILL_MS)
    const admitted = tokens >= 1
    remember(this.#buckets, subject, { tokens: admitted ? tokens - 1 : tokens, at: now })
    return admitted
  }
}

/** Puts an entry last and drops the one longest unused. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= REMEMBERED) return
  const oldest = map.keys().next()
  if (!oldest.done) map.delete(oldest.value)
}
