import { StatusError } from '../../../kube/index.ts'

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

/** The part of each limit that one user may take: a host that floods the server, or lets its bodies trickle, leaves room for others. */
const SHARE_OF_ONE = 1 / 4

/** Counts requests and refuses those beyond the limit with 429, so that a flood waits at its clients and not in memory. */
export class InFlight {
  readonly #limits: InFlightLimits
  readonly #counts: Record<RequestSort, number> = { reads: 0, writes: 0, streams: 0 }
  /** By sort and user; those who have none are not in it. */
  readonly #ofUsers = new Map<string, number>()

  constructor(limits: InFlightLimits) {
    this.#limits = limits
  }

  /**
   * Takes a place; the returned function, called any number of times, gives it back once. A user named here gets a share of the
   * places only; whoever runs the cluster is not named and may have all.
   */
  enter(sort: RequestSort, user?: string): () => void {
    const key = user === undefined ? undefined : `${sort} ${user}`
    const share = Math.ceil(this.#limits[sort] * SHARE_OF_ONE)
    const ofUser = key === undefined ? 0 : (this.#ofUsers.get(key) ?? 0)
    if (this.#counts[sort] >= this.#limits[sort] || ofUser >= share)
      throw new StatusError('TooManyRequests', 'Too many requests, please try again later.', {
        retryAfterSeconds: 1,
      })
    this.#count(sort, key, 1)
    let inside = true
    return () => {
      if (inside) this.#count(sort, key, -1)
      inside = false
    }
  }

  #count(sort: RequestSort, key: string | undefined, change: 1 | -1): void {
    this.#counts[sort] += change
    if (key === undefined) return
    const left = (this.#ofUsers.get(key) ?? 0) + change
    if (left === 0) this.#ofUsers.delete(key)
    else this.#ofUsers.set(key, left)
  }

  count(sort: RequestSort): number {
    return this.#counts[sort]
  }
}
