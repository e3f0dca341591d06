import type { Clock } from '../../../base/index.ts'
import { StatusError } from '../../../kube/index.ts'
import { isUnlimited, nodeNameOf } from '../auth/identity.ts'
import type { Identity } from '../contract.ts'

/** How many requests one requester may send after another: so many at once, and then so many a second. */
export interface RequestRate {
  readonly burst: number
  readonly perSecond: number
}

export interface RequestRates {
  readonly users: RequestRate
  readonly nodes: RequestRate
}

/**
 * Ten times what clients allow themselves, so that only a client without a limit of its own meets this one: kubectl sends up to 300 at once
 * and 50 a second (`--kube-api-burst`; cli-runtime `pkg/genericclioptions/config_flags.go`), a kubelet 100 and 50 (`kubeAPIBurst`).
 */
export const DEFAULT_RATES: RequestRates = {
  users: { burst: 3_000, perSecond: 500 },
  nodes: { burst: 6_000, perSecond: 1_000 },
}

/** Requesters that are remembered: at least so many of those that asked last, at most twice as many. */
const REMEMBERED = 10_000

/**
 * A token bucket for each requester, who is refused with 429 while it is empty and told when there is a token again. A bucket is kept as one
 * number, the time at which it will be full; a refusal takes nothing. Whoever may do everything is exempt, as from the limits of
 * requests at work.
 */
export class RequestRateLimits {
  readonly #rates: RequestRates
  readonly #clock: Clock
  readonly #remembered: number
  /** When each bucket is full, in ms. Whoever is in neither map has a full one. */
  #recent = new Map<string, number>()
  #older: ReadonlyMap<string, number> = new Map()

  constructor(rates: RequestRates, clock: Clock, remembered: number = REMEMBERED) {
    this.#rates = rates
    this.#clock = clock
    this.#remembered = remembered
  }

  /** Takes a token of the requester's bucket; throws a `StatusError` of reason TooManyRequests when there is none. */
  take(requester: Identity): void {
    if (isUnlimited(requester)) return
    const isNode = nodeNameOf(requester) !== undefined
    const { burst, perSecond } = isNode ? this.#rates.nodes : this.#rates.users
    const now = this.#clock.now()
    const tokenMs = 1_000 / perSecond
    const emptyMs = burst * tokenMs
    // A clock that was set back leaves nobody with less than an empty bucket.
    const fullAt = Math.min(Math.max(this.#fullAt(requester.username), now), now + emptyMs)
    const waitMs = fullAt + tokenMs - emptyMs - now
    if (waitMs > 0) throw refusal(requester.username, perSecond, waitMs)
    this.#remember(requester.username, fullAt + tokenMs)
  }

  #fullAt(username: string): number {
    return this.#recent.get(username) ?? this.#older.get(username) ?? 0
  }

  /** Two maps by turns: those who asked lately are in the one, and the other is dropped as a whole. */
  #remember(username: string, fullAt: number): void {
    this.#recent.set(username, fullAt)
    if (this.#recent.size < this.#remembered) return
    this.#older = this.#recent
    this.#recent = new Map()
  }
}

function refusal(username: string, perSecond: number, waitMs: number): StatusError {
  return new StatusError(
    'TooManyRequests',
    `Too many requests, please try again later: "${username}" may send ${perSecond} a second`,
    { retryAfterSeconds: Math.ceil(waitMs / 1_000) },
  )
}
