import type { Clock, Ids } from '../base/index.ts'

/** Tells when a server answers again that did not. */
export interface Regaining {
  /** `listener` must not throw. Returns the function that ends the subscription. */
  onRegained(listener: () => void): () => void
}

/** Whoever waits is woken within this time, in ms, but not all at once. */
const SPREAD_MS = 1000

/** Whether a server answers, as those who ask it find: what waits longer after each failure learns here that it need not. */
export class Reachability implements Regaining {
  readonly #listeners = new Set<() => void>()
  #isAway = false

  /** No answer came. A refusal is one. */
  failed(): void {
    this.#isAway = true
  }

  answered(): void {
    if (!this.#isAway) return
    this.#isAway = false
    for (const listener of [...this.#listeners]) listener()
  }

  onRegained(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

/** Waits `ms` before the next try, or until shortly after the server answers others again. Rejects as soon as `signal` aborts. */
export async function waitToRetry(
  ms: number,
  { server, clock, ids }: { readonly server: Partial<Regaining>; readonly clock: Clock; readonly ids: Ids },
  signal: AbortSignal,
): Promise<void> {
  const until = clock.now() + ms
  const woken = new AbortController()
  const wake = () => woken.abort()
  const unsubscribe = server.onRegained?.(wake)
  signal.addEventListener('abort', wake, { once: true })
  try {
    if (!signal.aborted) await clock.sleep(ms, woken.signal).catch(() => {})
    signal.throwIfAborted()
  } finally {
    unsubscribe?.()
    signal.removeEventListener('abort', wake)
  }
  if (woken.signal.aborted) await clock.sleep(Math.min(until - clock.now(), SPREAD_MS * ids.random()), signal)
}
