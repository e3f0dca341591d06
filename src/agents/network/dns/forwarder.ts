import { setMaxListeners } from 'node:events'
import type { Clock, Ids } from '../../../base/index.ts'
import { AnswerCache } from './answer-cache.ts'
import { askResolver, type Resolver } from './ask-resolver.ts'
import { type Query, questionKey, Rcodes, type Response } from './message.ts'

export interface ForwarderOptions {
  /** The host's resolvers, the preferred one first; asked for whenever something is to be forwarded. */
  readonly resolvers: () => Promise<readonly Resolver[]>
  readonly clock: Clock
  readonly ids: Ids
}

export interface Forwarder {
  /**
   * A message without id and OPT record for `finishAnswer`: from memory, from a resolver, or, while none answers, one that is past
   * its time. Undefined: nobody knows. It never throws and takes four seconds at most, which is less than clients wait.
   */
  forward(query: Query): Promise<Buffer | undefined>
  /** Gives up what is open; every question ends unanswered from then on. */
  close(): void
}

/** Between attempts, each at the next resolver or, where there is one only, again at that one. */
const NEXT_ATTEMPT_MS = 1000
const MAX_ATTEMPTS = 3
const DEADLINE_MS = 4000
/** A resolver that failed is asked after the others for so long. */
const AVOID_MS = 10_000
/** How long an asker waits for news when there is an old answer (RFC 8767). */
const STALE_AFTER_MS = 1800
/** How long an old answer is given without asking again after nobody answered. */
const STALE_RETRY_MS = 10_000
/** Questions that resolvers are asked at once. A question that is open is not asked again: whoever else wants to know waits with it. */
const MAX_FLIGHTS = 256

/**
 * Questions about names that are not the cluster's, for the host's resolvers. A resolver that leads back here, as a host's own
 * cache may, finds its question open and waits for itself until the deadline: a loop costs one question, never a storm.
 */
export function createForwarder({ resolvers, clock, ids }: ForwarderOptions): Forwarder {
  const cache = new AnswerCache(clock)
  const flights = new Map<string, Promise<Buffer | undefined>>()
  const avoidedUntil = new Map<string, number>()
  const closing = new AbortController()
  // Every flight hangs on it: that is no leak.
  setMaxListeners(0, closing.signal)

  async function forward(query: Query): Promise<Buffer | undefined> {
    const key = questionKey(query)
    const cached = cache.get(key)
    if (cached !== undefined && !cached.isStale) return cached.message()
    const flight = flights.get(key) ?? startFlight(key, query)
    if (cached === undefined) return await flight
    return (await soon(flight)) ?? cached.message()
  }

  /** What the flight brings, if it does within moments. */
  async function soon(flight: Promise<Buffer | undefined> | undefined): Promise<Buffer | undefined> {
    let cancel = () => {}
    const late = new Promise<undefined>(resolve => {
      cancel = clock.after(STALE_AFTER_MS, () => resolve(undefined))
    })
    const message = await Promise.race([flight, late])
    cancel()
    return message
  }

  /** Undefined when too many are open. */
  function startFlight(key: string, query: Query): Promise<Buffer | undefined> | undefined {
    if (flights.size >= MAX_FLIGHTS || closing.signal.aborted) return undefined
    const flight = askInTurn(query)
      .catch(() => undefined)
      .then(response => take(key, response))
      .finally(() => flights.delete(key))
    flights.set(key, flight)
    return flight
  }

  function take(key: string, response: Response | undefined): Buffer | undefined {
    if (!isConclusive(response)) {
      cache.defer(key, STALE_RETRY_MS)
      return undefined
    }
    if (!response.isTruncated) cache.put(key, response.message, response.rcode)
    return response.message
  }

  async function askInTurn(query: Query): Promise<Response | undefined> {
    const known = await resolvers()
    const now = clock.now()
    const order = known
      .toSorted((a, b) => Number(isAvoided(a, now)) - Number(isAvoided(b, now)))
      .slice(0, MAX_ATTEMPTS)
    return order.length === 0 ? undefined : await askUntilAnswered(order, query)
  }

  function isAvoided(resolver: Resolver, now: number): boolean {
    return (avoidedUntil.get(nameOf(resolver)) ?? 0) > now
  }

  /** The first conclusive answer; undefined when there is none before the deadline or all attempts have failed. */
  function askUntilAnswered(order: readonly Resolver[], query: Query): Promise<Response | undefined> {
    const over = new AbortController()
    return new Promise(resolve => {
      let started = 0
      let open = 0
      let cancelNext = () => {}
      const finish = (response: Response | undefined) => {
        cancelNext()
        cancelDeadline()
        closing.signal.removeEventListener('abort', onClose)
        over.abort()
        resolve(response)
      }
      const onClose = () => finish(undefined)
      const cancelDeadline = clock.after(DEADLINE_MS, onClose)
      closing.signal.addEventListener('abort', onClose, { once: true })
      function attempt(): void {
        cancelNext()
        const resolver = order[started % order.length] as Resolver
        started += 1
        open += 1
        askResolver(resolver, query, { signal: over.signal, ids }).then(
          response => {
            avoidedUntil.delete(nameOf(resolver))
            if (isConclusive(response)) finish(response)
            else fail()
          },
          () => {
            if (over.signal.aborted) return
            avoid(resolver)
            fail()
          },
        )
        cancelNext = clock.after(NEXT_ATTEMPT_MS, () => {
          avoid(resolver)
          if (started < MAX_ATTEMPTS) attempt()
        })
      }
      function fail(): void {
        open -= 1
        if (started < MAX_ATTEMPTS) attempt()
        else if (open === 0) finish(undefined)
      }
      attempt()
    })
  }

  function avoid(resolver: Resolver): void {
    avoidedUntil.set(nameOf(resolver), clock.now() + AVOID_MS)
  }

  return { forward, close: () => closing.abort() }
}

/** A resolver that fails or refuses knows nothing of the name; another one may. */
function isConclusive(response: Response | undefined): response is Response {
  return response?.rcode === Rcodes.noError || response?.rcode === Rcodes.nameError
}

function nameOf({ address, port }: Resolver): string {
  return `${address} ${port}`
}
