/** What one of the five fields may hold: its bounds, and names that stand for numbers from the lower bound on. */
interface FieldRule {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly names: readonly string[]
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

const FIELDS: readonly FieldRule[] = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day of month', min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of week', min: 0, max: 6, names: DAYS },
]

const DESCRIPTORS: ReadonlySet<string> = new Set([
  '@annually',
  '@daily',
  '@hourly',
  '@midnight',
  '@monthly',
  '@weekly',
  '@yearly',
])

/** Longer than any schedule that says something. */
const MAX_LENGTH = 1024

/**
 * Why a text is no schedule of a CronJob; undefined when it is one: five fields of numbers, names, ranges and steps, a descriptor such
 * as `@daily`, or `@every 1h30m`.
 */
export function scheduleProblem(text: string): string | undefined {
  if (text.length > MAX_LENGTH) return `a schedule has at most ${MAX_LENGTH} characters`
  if (text.startsWith('@')) return descriptorProblem(text)
  const fields = text.trim().split(/\s+/)
  if (fields.length !== FIELDS.length)
    return `expected exactly ${FIELDS.length} fields, found ${fields.length}: [${fields.join(' ')}]`
  for (const [index, rule] of FIELDS.entries())
    for (const part of (fields[index] as string).split(',')) {
      const problem = partProblem(part, rule)
      if (problem !== undefined) return problem
    }
  return undefined
}

function descriptorProblem(text: string): string | undefined {
  if (DESCRIPTORS.has(text)) return undefined
  const every = /^@every (.+)$/.exec(text)?.[1]
  if (every === undefined) return `unrecognized descriptor: ${text}`
  return /^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$/.test(every)
    ? undefined
    : `failed to parse duration ${text}: invalid duration "${every}"`
}

/** One of the alternatives of a field: an asterisk, a value or a range, with a step or without. */
function partProblem(part: string, rule: FieldRule): string | undefined {
  const [range = '', step, ...more] = part.split('/')
  if (more.length > 0) return `too many slashes: ${part}`
  if (step !== undefined) {
    if (!/^[0-9]+$/.test(step)) return `failed to parse int from ${step}`
    if (Number(step) === 0) return `step of range should be a positive number: ${part}`
  }
  if (range === '*' || range === '?') return undefined
  const [low = '', high = low, ...rest] = range.split('-')
  if (rest.length > 0) return `too many hyphens: ${part}`
  const from = numberIn(low, rule)
  const to = numberIn(high, rule)
  if (from === undefined) return `failed to parse int from ${low}`
  if (to === undefined) return `failed to parse int from ${high}`
  if (from < rule.min) return `beginning of range (${from}) below minimum (${rule.min}): ${part}`
  if (to > rule.max) return `end of range (${to}) above maximum (${rule.max}): ${part}`
  return from > to ? `beginning of range (${from}) beyond end of range (${to}): ${part}` : undefined
}

function numberIn(text: string, { names, min }: FieldRule): number | undefined {
  const at = names.indexOf(text.toLowerCase())
  if (at !== -1) return min + at
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined
}
