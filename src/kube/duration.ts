const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const YEAR = 365 * DAY

/** A span of time as kubectl shows ages (apimachinery `duration.HumanDuration`): `45s`, `3m5s`, `2h`, `5d3h`, `2y15d`. */
export function formatAge(ms: number): string {
  // Clocks differ a little between machines: a small negative age is zero, a large one is no age at all.
  if (ms <= -2 * SECOND) return '<invalid>'
  if (ms < 0) return '0s'
  const seconds = Math.floor(ms / SECOND)
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.floor(ms / MINUTE)
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.floor(ms / HOUR)
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.floor(ms / DAY)
  if (hours < 192) return pair(days, 'd', hours % 24, 'h')
  if (hours < 24 * 365 * 2) return `${days}d`
  const years = Math.floor(ms / YEAR)
  if (hours < 24 * 365 * 8) return pair(years, 'y', days % 365, 'd')
  return `${years}y`
}

/** How long ago a timestamp is; `<unknown>` where there is none or it cannot be read. */
export function formatSince(timestamp: string | undefined, nowMs: number): string {
  const at = timestamp === undefined ? Number.NaN : Date.parse(timestamp)
  return Number.isNaN(at) ? '<unknown>' : formatAge(nowMs - at)
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`
}
