/** Where time comes from. Everything that waits or stamps takes one as an argument. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Resolves after `ms`; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /** Calls `callback` once after `ms`, unless the returned function is called first. */
  after(ms: number, callback: () => void): () => void
}

/** What a timer of the machine holds; it takes a longer wait for one of a single millisecond. */
const MAX_TIMER_MS = 2 ** 31 - 1

/** The machine's clock. Waits may have any length. Timers hold the process open only while something waits on them. */
export const systemClock: Clock = {
  now: () => Date.now(),
  sleep(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortReason(signal))
      const cancel = startTimer(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      function onAbort(): void {
        cancel()
        reject(abortReason(signal as AbortSignal))
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  },
  after: startTimer,
}

/** Manifests may name waits of years, such as a progress deadline: those are made of several timers. */
function startTimer(ms: number, callback: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>
  function wait(left: number): void {
    const part = Math.min(left, MAX_TIMER_MS)
    timer = setTimeout(() => (left > part ? wait(left - part) : callback()), part)
  }
  wait(ms)
  return () => clearTimeout(timer)
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error
    ? signal.reason
    : new DOMException('This operation was aborted', 'AbortError')
}
