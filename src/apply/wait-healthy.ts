import type { Clock } from '../base/index.ts'

/** How all that is waited for is doing, taken together. */
export interface HealthNow {
  readonly state: 'healthy' | 'progressing' | 'failed'
  /** One sentence for a person. May be made when it is asked for: a wait looks often and tells once. */
  readonly message: string
}

export interface HealthResult {
  /** `aborted`: the signal ended the wait; its reason says why. */
  readonly state: 'healthy' | 'failed' | 'deadline' | 'aborted'
  readonly message: string
}

export interface WaitOptions {
  /** Judged anew after every call of the function that `onChange` was given. */
  readonly look: () => HealthNow
  /** Calls back whenever the answer of `look` may have changed; returns the function that ends it. */
  readonly onChange: (callback: () => void) => () => void
  readonly clock: Clock
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** A rollout of many pods changes something every few milliseconds, and each look costs as much as there are pods. */
const PACE_MS = 50

/**
 * Waits until everything is healthy, something has failed, the deadline passes, or the signal aborts. Level-triggered: it looks at
 * the whole state after each change, at once or a moment after the look before, and never counts events.
 */
export async function waitForHealth(options: WaitOptions): Promise<HealthResult> {
  const { look, clock, deadlineMs, signal } = options
  let wake: () => void = () => {}
  let isLate = deadlineMs <= 0
  const ring = (): void => wake()
  const unsubscribe = options.onChange(ring)
  const cancel = clock.after(deadlineMs, () => {
    isLate = true
    wake()
  })
  signal.addEventListener('abort', ring, { once: true })
  try {
    for (;;) {
      const rung = new Promise<void>(resolve => {
        wake = resolve
      })
      const lookedAt = clock.now()
      const now = look()
      if (now.state !== 'progressing') return { state: now.state, message: now.message }
      if (signal.aborted) return { state: 'aborted', message: 'the wait was ended' }
      if (isLate) return { state: 'deadline', message: `not healthy in time: ${now.message}` }
      await rung
      const early = lookedAt + PACE_MS - clock.now()
      // An abort is no reason to wait for the next look.
      if (early > 0) await clock.sleep(early, signal).catch(() => undefined)
    }
  } finally {
    unsubscribe()
    cancel()
    signal.removeEventListener('abort', ring)
  }
}
