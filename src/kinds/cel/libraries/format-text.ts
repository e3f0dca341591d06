import { isObject } from '../../../base/index.ts'
import { isBytes, isDuration, numberOf } from './equality.ts'

/** Digits behind the point that a number may be written with; JavaScript knows no more. */
const MAX_PRECISION = 100
const DEFAULT_PRECISION = 6

/** `string.format()` (cel-go `ext/formatting.go`): numbers with a point are written as in `en_US`, whatever the machine's language. */
export function formatText(template: string, values: readonly unknown[]): string {
  let index = 0
  return template.replaceAll(
    /%(%|(?:\.(\d*))?([\s\S])?)/g,
    (_, clause: string, digits?: string, verb?: string) => {
      if (clause === '%') return '%'
      if (index >= values.length) throw new RangeError(`index ${index} out of range`)
      const value = values[index]
      index += 1
      if (verb === undefined)
        throw new RangeError(
          digits === undefined
            ? 'unexpected end of string'
            : 'could not parse formatting clause: error while parsing precision: could not find end of precision specifier',
        )
      return formatClause(verb, digits === undefined ? undefined : precisionOf(digits), value)
    },
  )
}

function precisionOf(digits: string): number {
  const precision = digits === '' ? Number.NaN : Number(digits)
  if (precision <= MAX_PRECISION) return precision
  throw new RangeError(
    `could not parse formatting clause: error while parsing precision: "${digits}" is no number up to ${MAX_PRECISION}`,
  )
}

function formatClause(verb: string, precision: number | undefined, value: unknown): string {
  switch (verb) {
    case 's':
      return plain(value)
    case 'd':
      return String(wholeNumber(value, 'decimal', 'integers'))
    case 'f':
      return fixed(fraction(value, 'fixed-point'), precision ?? DEFAULT_PRECISION)
    case 'e':
      return scientific(fraction(value, 'scientific'))
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0'
      return wholeNumber(value, 'binary', 'integers and bools').toString(2)
    case 'o':
      return wholeNumber(value, 'octal', 'integers').toString(8)
    case 'x':
      return hexadecimal(value)
    case 'X':
      return hexadecimal(value).toUpperCase()
    default:
      throw new RangeError(`could not parse formatting clause: unrecognized formatting clause "${verb}"`)
  }
}

function wholeNumber(value: unknown, clause: string, wanted: string): bigint {
  const number = numberOf(value)
  if (typeof number === 'bigint') return number
  throw misfit(clause, wanted, value)
}

function fraction(value: unknown, clause: string): number {
  if (typeof value === 'number') return value
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value)
  throw misfit(clause, 'doubles', value)
}

function misfit(clause: string, wanted: string, value: unknown): RangeError {
  return new RangeError(
    `error during formatting: ${clause} clause can only be used on ${wanted}, was given ${typeOf(value)}`,
  )
}

function hexadecimal(value: unknown): string {
  if (typeof value === 'string') return hexOf(new TextEncoder().encode(value))
  if (isBytes(value)) return hexOf(value)
  return wholeNumber(value, 'hex', 'integers, byte buffers, and strings').toString(16)
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}

function fixed(value: number, precision: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value < 0 ? '-∞' : '∞'
  // Beyond 10^21 JavaScript goes over to exponents: what is larger is a whole number, exactly.
  if (Math.abs(value) >= 1e21)
    return `${grouped(String(BigInt(value)))}${precision === 0 ? '' : `.${'0'.repeat(precision)}`}`
  const [whole = '', part] = value.toFixed(precision).split('.')
  return part === undefined ? grouped(whole) : `${grouped(whole)}.${part}`
}

function grouped(digits: string): string {
  return digits.replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}

const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** `1.052033 × 10⁰³`; the precision is not looked at, as upstream. */
function scientific(value: number): string {
  if (!Number.isFinite(value)) return fixed(value, 0)
  const [mantissa = '', exponent = '+0'] = value.toExponential(DEFAULT_PRECISION).split('e')
  const raised = exponent
    .slice(1)
    .padStart(2, '0')
    .replaceAll(/\d/g, digit => SUPERSCRIPTS[Number(digit)] ?? '')
  return `${mantissa}\u202f×\u202f10${exponent.startsWith('-') ? '⁻' : ''}${raised}`
}

/** A value by itself. */
function plain(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return shortest(value)
  if (isBytes(value)) return new TextDecoder().decode(value)
  if (value instanceof Date) return timestampText(value)
  if (isDuration(value)) return durationText(value)
  return literal(value)
}

/** A value as expressions write it, within a list or a map. */
function literal(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number')
    return Number.isFinite(value) ? value.toFixed(DEFAULT_PRECISION) : JSON.stringify(shortest(value))
  const number = numberOf(value)
  if (number !== undefined) return String(number)
  if (isBytes(value)) return `b${JSON.stringify(new TextDecoder().decode(value))}`
  if (value instanceof Date) return `timestamp("${timestampText(value)}")`
  if (isDuration(value)) return `duration("${durationText(value)}")`
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  const members = entriesOf(value)?.map(([key, member]) => `${literal(key)}:${literal(member)}`)
  if (members !== undefined) return `{${members.sort().join(', ')}}`
  const type = TYPE.exec(String(value))?.[1]
  if (type !== undefined) return type
  throw misfit(
    'string',
    'strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
    value,
  )
}

/** As Go's `%g`: an exponent from a million on. */
function shortest(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value < 0 ? '-Inf' : '+Inf'
  const exponent = value === 0 ? 0 : Number(value.toExponential().split('e')[1])
  if (exponent >= -4 && exponent < 6) return String(value)
  const [mantissa = '', power = ''] = value.toExponential().split('e')
  return `${mantissa}e${power.slice(0, 1)}${power.slice(1).padStart(2, '0')}`
}

/** As RFC 3339, without zeros at the end. */
export function timestampText(value: Date): string {
  return value.toISOString().replace(/\.?0*Z$/, 'Z')
}

/** In seconds, as the language writes it: `90s`, `0.5s`. */
export function durationText({
  seconds,
  nanos,
}: {
  readonly seconds: bigint
  readonly nanos: number
}): string {
  return `${Number(seconds) + nanos / 1e9}s`
}

/** A type as the language's library names it. */
const TYPE = /^Type<(.+)>$/

/** Of maps and of objects of users, which have no class. */
function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] | undefined {
  if (value instanceof Map) return [...value]
  if (!isObject(value)) return undefined
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined
}

function typeOf(value: unknown): string {
  if (value === null) return 'null_type'
  if (typeof value === 'number') return 'double'
  if (typeof value === 'boolean') return 'bool'
  if (isBytes(value)) return 'bytes'
  if (value instanceof Date) return 'google.protobuf.Timestamp'
  if (isDuration(value)) return 'google.protobuf.Duration'
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'bigint') return 'int'
  if (numberOf(value) !== undefined) return 'uint'
  return typeof value === 'string' ? 'string' : 'map'
}
