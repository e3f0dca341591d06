const LABEL = '[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?'
const HOST = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`)
const MAX_LENGTH = 253

/** A host as rules compare it: lower case. Undefined for what is no DNS name, nor one with `*` as its first label. */
export function normalizeHost(host: string): string | undefined {
  const text = host.length > MAX_LENGTH ? '' : host.toLowerCase()
  return HOST.test(text) ? text : undefined
}

/** True when `pattern` is `host`, or is a wildcard that stands for it: `*` is exactly one label. */
export function hostMatches(pattern: string, host: string): boolean {
  if (pattern === host) return true
  if (!pattern.startsWith('*.') || host.startsWith('*')) return false
  const dot = host.indexOf('.')
  return dot > 0 && host.slice(dot) === pattern.slice(1)
}
