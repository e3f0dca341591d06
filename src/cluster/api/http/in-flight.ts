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

/** Counts requests and refuses those beyond the limit with 429, so that a flood waits at its clients and not in memory. */
export class InFlight {
  readonly #limits: InFlightLimits
  readonly #counts: Record<RequestSort, number> = { reads: 0, writes: 0, streams: 0 }

  constructor(limits: InFlightLimits) {
    this.#limits = limits
  }

  /** Takes a place; the returned function, called any number of times, gives it back once. */
  enter(sort: RequestSort): () => void {
    if (this.#counts[sort] >= this.#limits[sort])
      throw new StatusError('TooManyRequests', 'Too many requests, please try again later.', {
        retryAfterSeconds: 1,
      })
    this.#counts[sort] += 1
    let inside = true
    return () => {
      if (inside) this.#counts[sort] -= 1
      inside = false
    }
  }

  count(sort: RequestSort): number {
    return this.#counts[sort]
  }
}
