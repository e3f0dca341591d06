/** `metav1.Time` as text: RFC 3339 in UTC and whole seconds, `2026-01-31T12:00:00Z`. `ms` since the epoch. */
export function formatTime(ms: number): string {
  const second = Math.floor(ms / 1_000)
  if (second !== last.second) last = { second, text: `${new Date(ms).toISOString().slice(0, 19)}Z` }
  return last.text
}

/** Many writes of one second have the same time. */
let last = { second: Number.NaN, text: '' }

/** `metav1.MicroTime` as text: RFC 3339 in UTC with six decimals. `ms` since the epoch. */
export function formatMicroTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 23)}000Z`
}

/** The milliseconds since the epoch of a time of the API; undefined for an absent or unreadable one. */
export function parseTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  return Number.isNaN(ms) ? undefined : ms
}
