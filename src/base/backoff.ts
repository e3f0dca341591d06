export interface BackoffOptions {
  /** The first wait, in ms. */
  readonly initialMs: number
  /** The longest wait, in ms. */
  readonly maxMs: number
  /** Each wait is the one before times this. Default 2. */
  readonly factor?: number
}

/** The wait before attempt `failures + 1`, given how many failed in a row: 0 for none, then initial, ×factor, … up to the maximum. */
export function backoffMs(failures: number, { initialMs, maxMs, factor = 2 }: BackoffOptions): number {
  if (failures <= 0) return 0
  // The exponent is bounded so that a long run of failures cannot become Infinity × 0.
  return Math.min(maxMs, initialMs * factor ** Math.min(failures - 1, 64))
}

/** `ms` changed by up to ±`fraction`, so that many waiters do not wake at once. `random` is in [0, 1). */
export function jittered(ms: number, fraction: number, random: number): number {
  return ms * (1 + fraction * (2 * random - 1))
}
