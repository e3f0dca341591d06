import type { Json } from '../base/index.ts'

/** Texts longer than this are shown by the part around their first difference: a plan is for reading and is kept for ever. */
const MAX_TEXT = 2_000
const LEAD = 80

/** Two values as a plan shows them; long texts are cut where they differ. */
export function excerptPair(before: unknown, after: unknown): readonly [before: Json, after: Json] {
  if (typeof before !== 'string' || typeof after !== 'string') return [excerpt(before), excerpt(after)]
  if (before.length <= MAX_TEXT && after.length <= MAX_TEXT) return [before, after]
  const start = Math.max(0, firstDifference(before, after) - LEAD)
  return [cut(before, start), cut(after, start)]
}

/** One value as a plan shows it. */
export function excerpt(value: unknown): Json {
  if (typeof value === 'string') return value.length > MAX_TEXT ? cut(value, 0) : value
  if (Array.isArray(value)) return value.map(excerpt)
  if (typeof value !== 'object' || value === null) return value as Json
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, excerpt(member)]))
}

function cut(text: string, start: number): string {
  const lead = start > 0 ? '…' : ''
  const tail = text.length > start + MAX_TEXT ? '…' : ''
  return `${lead}${text.slice(start, start + MAX_TEXT)}${tail} (${text.length} characters)`
}

function firstDifference(a: string, b: string): number {
  const end = Math.min(a.length, b.length)
  for (let at = 0; at < end; at += 1) if (a[at] !== b[at]) return at
  return end
}
