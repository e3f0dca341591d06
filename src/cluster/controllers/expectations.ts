import type { Clock } from '../../base/index.ts'

/** After this long an unseen creation or deletion is given up (upstream's ExpectationsTimeout). */
export const EXPECTATION_TIMEOUT_MS: number = 300_000

/**
 * What an owner has asked for and its cache does not show yet. While anything is expected the owner's count is not
 * believed, so that nothing is created or deleted twice. Creations are expected by key, before they are asked for, and
 * deletions by uid: an event is matched to its request whichever of the two is seen first.
 */
export class Expectations {
  readonly #clock: Clock
  readonly #expected = new Map<string, { readonly what: Set<string>; since: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  expect(owner: string, what: string): void {
    const entry = this.#expected.get(owner)
    if (entry === undefined) this.#expected.set(owner, { what: new Set([what]), since: this.#clock.now() })
    else {
      entry.what.add(what)
      entry.since = this.#clock.now()
    }
  }

  /** It was seen, or will not come. */
  settle(owner: string, what: string): void {
    const entry = this.#expected.get(owner)
    if (entry?.what.delete(what) && entry.what.size === 0) this.#expected.delete(owner)
  }

  isSatisfied(owner: string): boolean {
    const entry = this.#expected.get(owner)
    return entry === undefined || this.#clock.now() - entry.since >= EXPECTATION_TIMEOUT_MS
  }

  forget(owner: string): void {
    this.#expected.delete(owner)
  }
}
