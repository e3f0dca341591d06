import { type Clock, isAborted } from '../base/index.ts'

/** How all that is waited for is doing, taken together. */
export interface HealthNow {
  readonly state: 'healthy' | 'progressing' | 'failed'
  /** One sentence for a person. */
  readonly message: string
}

export interface HealthResult {
  /** `aborted`: the signal ended the wait, and says why. */
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

/**
 * Waits until everything is healthy, something has failed, the deadline passes, or the signal aborts. Level-triggered: it looks at
 * the whole state after each change and never counts events.
 */
export async function waitForHealth(options: WaitOptions): Promise<HealthResult> {
  const { look, clock, signal } = options
  let wake: () => void = () => {}
  const unsubscribe = options.onChange(() => wake())
  const end = clock.now() + options.deadlineMs
  try {
    for (;;) {
      const changed = new Promise<void>(resolve => {
        wake = resolve
      })
      const { state, message } = look()
      if (state !== 'progressing') return { state, message }
      if (signal.aborted) return { state: 'aborted', message }
      const left = end - clock.now()
      if (left <= 0) return { state: 'deadline', message: `not healthy in time: ${message}` }
      await firstOf(changed, left, clock, signal)
    }
  } finally {
    unsubscribe()
  }
}

/** Resolves at the change, the end of the time, or the abort, and leaves no timer behind. */
async function firstOf(changed: Promise<void>, ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  const stop = new AbortController()
  const slept = clock.sleep(ms, AbortSignal.any([signal, stop.signal])).catch(error => {
    if (!isAborted(error) && !signal.aborted) throw error
  })
  await Promise.race([changed, slept])
  stop.abort()
}
