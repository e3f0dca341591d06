import { isObject } from '../../../base/index.ts'
import type { Comparable } from './library.ts'

/** Whether two values are equal to expressions: numbers across their types, all else by what it holds. */
export function celEquals(a: unknown, b: unknown): boolean {
  if (a === b) return true
  const [left, right] = [numberOf(a), numberOf(b)]
  // A whole number and a fraction are compared exactly.
  if (left !== undefined || right !== undefined)
    // biome-ignore lint/suspicious/noDoubleEquals: bigints and numbers have no other exact comparison
    return left !== undefined && right !== undefined && left == right
  if (a instanceof Date) return b instanceof Date && a.getTime() === b.getTime()
  if (isBytes(a)) return isBytes(b) && a.length === b.length && a.every((byte, index) => byte === b[index])
  if (Array.isArray(a))
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => celEquals(item, b[index]))
  if (isComparable(a)) return a.equals(b)
  if (isDuration(a)) return isDuration(b) && a.seconds === b.seconds && a.nanos === b.nanos
  return haveEqualMembers(a, b)
}

/** A length of time, as the language's library has it. */
export interface CelDuration {
  readonly seconds: bigint
  readonly nanos: number
  addDuration(other: CelDuration): CelDuration
}

export function isDuration(value: unknown): value is CelDuration {
  return isInstance(value) && typeof value.seconds === 'bigint' && typeof value.nanos === 'number'
}

export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}

/** The language's unsigned numbers are objects around a bigint. */
export function numberOf(value: unknown): bigint | number | undefined {
  if (typeof value === 'bigint' || typeof value === 'number') return value
  if (!isInstance(value) || value instanceof Date) return undefined
  const inner = value.valueOf()
  return typeof inner === 'bigint' ? inner : undefined
}

function isComparable(value: unknown): value is Comparable {
  return isInstance(value) && typeof value.equals === 'function'
}

/** An object of a class of the language or of a library; objects of users have no class. */
function isInstance(value: unknown): value is { readonly [name: string]: unknown } {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Map) &&
    Object.getPrototypeOf(value) !== Object.prototype &&
    Object.getPrototypeOf(value) !== null
  )
}

function haveEqualMembers(a: unknown, b: unknown): boolean {
  const [left, right] = [membersOf(a), membersOf(b)]
  if (left === undefined || right === undefined || left.size !== right.size) return false
  for (const [key, value] of left) if (!right.has(key) || !celEquals(value, right.get(key))) return false
  return true
}

function membersOf(value: unknown): ReadonlyMap<unknown, unknown> | undefined {
  if (value instanceof Map) return value
  return isObject(value) ? new Map(Object.entries(value)) : undefined
}
