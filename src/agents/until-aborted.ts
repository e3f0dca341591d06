/** Resolves with `work`, or as soon as `signal` aborts; without work only then. Never rejects: `work` must not. */
export function untilAborted(signal: AbortSignal, work?: Promise<void>): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
    void work?.then(done)
  })
}
