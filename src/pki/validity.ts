/** When a certificate counts, in ms since the epoch; certificates carry whole seconds. */
export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

export const DAY_MS: number = 24 * 60 * 60 * 1000

/** How far a start is set back, so that a host whose clock is a little behind accepts the certificate (as upstream's signer does). */
const BACKDATE_MS = 5 * 60 * 1000

/** Certificates are renewed when between these parts of their life are over (client-go `util/certificate`). */
const RENEW_FROM = 0.7
const RENEW_TO = 0.9

/** A validity that ends `lifetimeMs` after `now` and began a little before it. Short lives are set back by a tenth at most. */
export function validFrom(now: number, lifetimeMs: number): Validity {
  const backdate = Math.min(BACKDATE_MS, lifetimeMs / 10)
  return { notBefore: wholeSeconds(now - backdate), notAfter: wholeSeconds(now + lifetimeMs) }
}

/** When to renew: after 70 to 90 % of the lifetime; `random` in [0, 1) spreads a fleet that was issued at once. */
export function renewalTime({ notBefore, notAfter }: Validity, random: number): number {
  return notBefore + (notAfter - notBefore) * (RENEW_FROM + (RENEW_TO - RENEW_FROM) * random)
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000
}
