import { Optional } from '@marcbachmann/cel-js'
import { OPTIONAL_FIRST, OPTIONAL_FLAT, OPTIONAL_LIST } from '../instrument.ts'
import { celEquals } from './equality.ts'
import type { Definitions } from './library.ts'

/** What the language's library lacks of optional values (cel-go `cel/library.go`, `OptionalTypes`). */
export function defineOptionals({ define, environment }: Definitions): void {
  define(`${OPTIONAL_LIST}(optional<A>): list<A>`, (value: Optional) =>
    value.hasValue() ? [value.value()] : [],
  )
  define(`${OPTIONAL_FIRST}(list<A>): optional<A>`, ([value]: readonly unknown[]) => optionalOf(value))
  define(
    `${OPTIONAL_FLAT}(list<optional<A>>): optional<A>`,
    ([value]: readonly Optional[]) => value ?? Optional.none(),
  )
  define('OptionalNamespace.ofNonZeroValue(A): optional<A>', (_: unknown, value: unknown) =>
    optionalOf(isZero(value) ? undefined : value),
  )
  environment.registerOperator('optional<A> == optional<A>', (a: Optional, b: Optional) =>
    a.hasValue() && b.hasValue() ? celEquals(a.value(), b.value()) : a.hasValue() === b.hasValue(),
  )
}

/** Undefined is no value. */
export function optionalOf(value: unknown): Optional {
  return value === undefined ? Optional.none() : Optional.of(value)
}

function isZero(value: unknown): boolean {
  if (value === null || value === false || value === '') return true
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0
  if (value instanceof Map) return value.size === 0
  return celEquals(value, {}) || celEquals(value, 0)
}
