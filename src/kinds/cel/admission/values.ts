import { isObject, setOwn } from '../../../base/index.ts'

const MAX_INT = 2n ** 63n - 1n
const MIN_INT = -(2n ** 63n)

/** A JSON value as expressions see it where no schema says what it is: whole numbers are of type `int`, others `double`. */
export function celValue(value: unknown): unknown {
  if (typeof value === 'number') return numberOf(value)
  if (Array.isArray(value)) return value.map(celValue)
  if (!isObject(value)) return value ?? null
  if (Object.hasOwn(value, 'constructor')) return mapOf(value)
  const result: Record<string, unknown> = {}
  for (const [key, member] of Object.entries(value))
    if (member !== undefined) setOwn(result, key, celValue(member))
  return result
}

/** By that member of an object the library tells what it is; of a map, which is the same to expressions, by the map's own. */
function mapOf(object: { readonly [key: string]: unknown }): ReadonlyMap<string, unknown> {
  return new Map(
    Object.entries(object).flatMap(([key, member]) =>
      member === undefined ? [] : [[key, celValue(member)] as const],
    ),
  )
}

function numberOf(value: number): bigint | number {
  if (!Number.isInteger(value)) return value
  const whole = BigInt(value)
  return whole >= MIN_INT && whole <= MAX_INT ? whole : value
}
