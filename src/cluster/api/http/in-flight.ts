import { StatusError } from '../../../kube/index.ts'
import { MASTERS_GROUP, nodeNameOf } from '../auth/identity.ts'
import type { Identity } from '../contract.ts'

/** How many requests of each sort may be worked on at once. */
export interface InFlightLimits {
  /** Gets and lists; apiserver's default is 400. */
  readonly reads: number
  /** Everything that changes something; apiserver's default is 200. */
  readonly writes: number
  /** Watches, logs and other streams, which may last for hours. */
  readonly streams: number
}

export const DEFAULT_LIMITS: InFlightLimits = { reads: 400, writes: 200, streams: 10_000 }

export type RequestSort = keyof InFlightLimits

/** Whose requests are limited together. The server's own parts ask in process and never come here. */
type Level = 'nodes' | 'users'

/**
 * The parts of each limit that a level and one requester of it may take. What users leave is the nodes' alone: users who flood the
 * server, or let their bodies trickle, take no host from it, and a host that does so besides leaves room for others. An agent has up to
 * 32 requests under way (the client's pool of connections) and must not be refused for that.
 */
const SHARES: Readonly<Record<Level, { readonly ofAll: number; readonly ofOne: number }>> = {
  nodes: { ofAll: 1, ofOne: 3 / 16 },
  users: { ofAll: 5 / 8, ofOne: 1 / 4 },
}

const NOTHING = (): void => undefined

/**
 * Counts requests and refuses those beyond a limit with 429, so that a flood waits at its clients and not in memory. What API
 * priority and fairness is for, with two levels and no queues; as there, whoever runs the cluster (`system:masters`) is exempt.
 */
export class InFlight {
  readonly #limits: InFlightLimits
  /** By sort, by sort and level, and by sort and user. */
  readonly #counts = new Map<string, number>()

  constructor(limits: InFlightLimits) {
    this.#limits = limits
  }

  /**
   * Takes a place for a request, or more for one that costs more than others; the returned function, called any number of times, gives
   * back once what it took.
   */
  enter(sort: RequestSort, requester: Identity, places = 1): () => void {
    const level = levelOf(requester)
    if (level === undefined) return NOTHING
    const limit = this.#limits[sort]
    const bounds: readonly (readonly [key: string, bound: number])[] = [
      [sort, limit],
      [`${sort} ${level}`, Math.ceil(limit * SHARES[level].ofAll)],
      [`${sort} ${level} ${requester.username}`, Math.ceil(limit * SHARES[level].ofOne)],
    ]
    // Alone it may be, whatever it costs.
    const taken = Math.min(places, ...bounds.map(([, bound]) => bound))
    if (bounds.some(([key, bound]) => (this.#counts.get(key) ?? 0) + taken > bound))
      throw new StatusError('TooManyRequests', 'Too many requests, please try again later.', {
        retryAfterSeconds: 1,
      })
    for (const [key] of bounds) this.#count(key, taken)
    let inside = true
    return () => {
      if (inside) for (const [key] of bounds) this.#count(key, -taken)
      inside = false
    }
  }

  #count(key: string, change: number): void {
    const count = (this.#counts.get(key) ?? 0) + change
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
  }
}

/** Undefined for those who are not limited. */
function levelOf(requester: Identity): Level | undefined {
  if (requester.groups.includes(MASTERS_GROUP)) return undefined
  return nodeNameOf(requester) === undefined ? 'users' : 'nodes'
}
