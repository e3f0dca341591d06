/** A long-lived part. `start` returns when the signal aborts and everything that it opened is closed; it throws when it cannot go on. */
export interface Service {
  start(signal: AbortSignal): Promise<void>
}
