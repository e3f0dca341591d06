import { BowlineError } from '../base/index.ts'

/** How a quantity was written and is written again: `500M`, `512Mi`, `5e8`. */
export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

/** An exact amount of a resource, after apimachinery's `resource.Quantity`. */
export interface Quantity {
  /** The amount in billionths of the unit. Finer amounts are rounded away from zero when they are read. */
  readonly nano: bigint
  readonly format: QuantityFormat
}

const NANO_DIGITS = 9
const NANO_PER_UNIT = 10n ** BigInt(NANO_DIGITS)
/** Upstream caps amounts with a binary suffix at 2^63-1. */
const MAX_BINARY = (2n ** 63n - 1n) * NANO_PER_UNIT
/** Bounds that keep an amount from a manifest small in memory; no real amount comes near them. */
const MAX_TEXT = 128
const MAX_EXPONENT = 300

const DECIMAL_SUFFIXES: ReadonlyMap<string, number> = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
])
const BINARY_SUFFIXES: readonly string[] = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei']

const FORMAT_PROBLEM =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const NUMBER_PROBLEM = 'unable to parse numeric part of quantity'
const SUFFIX_PROBLEM = "unable to parse quantity's suffix"

/**
 * Reads `500m`, `1.5Gi`, `1e3`, `12`; a number of a manifest counts as its text. Anything else is a
 * {@link BowlineError} of code `bad-input`; ask {@link quantityProblem} first where the text is a user's.
 */
export function parseQuantity(text: string | number): Quantity {
  const result = readQuantity(String(text))
  if (typeof result !== 'string') return result
  throw new BowlineError('bad-input', `Cannot read quantity "${text}": ${result}`)
}

/** Why a text is no quantity, in upstream's words; undefined when it is one. */
export function quantityProblem(text: string | number): string | undefined {
  const result = readQuantity(String(text))
  return typeof result === 'string' ? result : undefined
}

/** Negative, zero or positive as `a` is less than, equal to or more than `b`; the way they are written does not count. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  return a.nano < b.nano ? -1 : a.nano > b.nano ? 1 : 0
}

/** The sum, written as the first one is (the second one where the first is zero), as upstream adds. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format }
}

/** The amount in units as a floating point number: `500m` is 0.5. For scores and shares, not for sums. */
export function quantityToNumber(quantity: Quantity): number {
  const whole = quantity.nano / NANO_PER_UNIT
  return Number(whole) + Number(quantity.nano - whole * NANO_PER_UNIT) / Number(NANO_PER_UNIT)
}

/** The amount in units where it is a whole number of 64 bits, as upstream's `AsInt64`; undefined where it is none. */
export function quantityToInteger({ nano }: Quantity): bigint | undefined {
  const units = nano / NANO_PER_UNIT
  return units * NANO_PER_UNIT === nano && BigInt.asIntN(64, units) === units ? units : undefined
}

/** The amount in thousandths, rounded up (away from zero) as upstream's `MilliValue`: what the engine counts CPU in. */
export function quantityToMilli(quantity: Quantity): number {
  return Number(divideAwayFromZero(quantity.nano, 10n ** 6n))
}

/**
 * The one canonical text: no fraction, the largest suffix that keeps it exact, the sign only when negative.
 * `1000m` → `1`, `0.5Gi` → `512Mi`, `1.5` → `1500m`.
 */
export function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return '0'
  if (format === 'BinarySI' && isWholeAndLarge(nano)) return formatBinary(nano / NANO_PER_UNIT)
  return formatDecimal(nano, format === 'DecimalExponent')
}

/** The canonical text of a quantity's text: what upstream stores when it is given `text`. */
export function canonicalQuantity(text: string | number): string {
  return formatQuantity(parseQuantity(text))
}

/** Texts that are remembered: a cluster has few different amounts, and reads each of them again and again. */
const MAX_REMEMBERED = 1_000
const remembered = new Map<string, Quantity | string>()

/** The quantity, or upstream's message of why there is none. */
function readQuantity(text: string): Quantity | string {
  const known = remembered.get(text)
  if (known !== undefined) return known
  const result = readNewQuantity(text)
  if (remembered.size >= MAX_REMEMBERED) remembered.clear()
  if (text.length <= MAX_TEXT) remembered.set(text, result)
  return result
}

function readNewQuantity(text: string): Quantity | string {
  if (text.length > MAX_TEXT) return FORMAT_PROBLEM
  const match = /^([+-]?)([0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/.exec(text)
  if (match === null) return FORMAT_PROBLEM
  const [, sign = '', number = '', suffix = ''] = match
  const digits = /^([0-9]*)(?:\.([0-9]*))?$/.exec(number)
  if (digits === null || number === '.') return NUMBER_PROBLEM
  const [, whole = '', fraction = ''] = digits
  const scale = readSuffix(suffix)
  if (scale === undefined) return SUFFIX_PROBLEM

  const unscaled = BigInt(`${whole}${fraction}`) * scale.multiplier
  const size = shiftToNano(unscaled, scale.exponent - fraction.length)
  const capped = scale.format === 'BinarySI' && size > MAX_BINARY ? MAX_BINARY : size
  return { nano: sign === '-' ? -capped : capped, format: scale.format }
}

interface Scale {
  readonly multiplier: bigint
  /** A power of ten on top of the multiplier. */
  readonly exponent: number
  readonly format: QuantityFormat
}

function readSuffix(suffix: string): Scale | undefined {
  const decimal = DECIMAL_SUFFIXES.get(suffix)
  if (decimal !== undefined) return { multiplier: 1n, exponent: decimal, format: 'DecimalSI' }
  const binary = BINARY_SUFFIXES.indexOf(suffix)
  if (binary !== -1) return { multiplier: 1024n ** BigInt(binary), exponent: 0, format: 'BinarySI' }
  if (!/^[eE][-+]?[0-9]+$/.test(suffix)) return undefined
  const exponent = Number(suffix.slice(1))
  if (Math.abs(exponent) > MAX_EXPONENT) return undefined
  return { multiplier: 1n, exponent, format: 'DecimalExponent' }
}

/** `value × 10^exponent` in billionths; what is finer than that is rounded up, so that something never becomes nothing. */
function shiftToNano(value: bigint, exponent: number): bigint {
  const shift = exponent + NANO_DIGITS
  return shift >= 0 ? value * 10n ** BigInt(shift) : divideAwayFromZero(value, 10n ** BigInt(-shift))
}

function divideAwayFromZero(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor
  if (quotient * divisor === value) return quotient
  return value < 0n ? quotient - 1n : quotient + 1n
}

/** Upstream shows a binary amount as a decimal one where it is below 1024 or would lose a fraction. */
function isWholeAndLarge(nano: bigint): boolean {
  const size = nano < 0n ? -nano : nano
  return size >= 1024n * NANO_PER_UNIT && nano % NANO_PER_UNIT === 0n
}

function formatBinary(units: bigint): string {
  let mantissa = units
  let power = 0
  while (power < BINARY_SUFFIXES.length - 1 && mantissa % 1024n === 0n) {
    mantissa /= 1024n
    power += 1
  }
  return `${mantissa}${BINARY_SUFFIXES[power]}`
}

function formatDecimal(nano: bigint, asExponent: boolean): string {
  let mantissa = nano
  let exponent = -NANO_DIGITS
  const highest = asExponent ? Number.POSITIVE_INFINITY : 18
  while (exponent < highest && mantissa % 1000n === 0n) {
    mantissa /= 1000n
    exponent += 3
  }
  if (asExponent) return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`
  for (const [suffix, power] of DECIMAL_SUFFIXES) if (power === exponent) return `${mantissa}${suffix}`
  return `${mantissa}`
}
