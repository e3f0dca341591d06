/** A JSON value. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** A JSON object whose shape is not known here. */
export type JsonObject = { readonly [key: string]: unknown }

/** True for plain objects: not null, not an array. */
export function isObject(value: unknown): value is { [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Structural equality of JSON values: key order does not matter, list order does; an absent key differs from null. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, index) => deepEqual(item, b[index]))
  }
  const left = a as JsonObject
  const right = b as JsonObject
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  return keys.every(key => Object.hasOwn(right, key) && deepEqual(left[key], right[key]))
}

/**
 * `value`, with each of its parts that equals the one in its place in `before` replaced by that one: what is the same can then be told by
 * identity. Changes neither.
 */
export function shareParts(before: unknown, value: unknown): unknown {
  if (before === value || typeof before !== 'object' || before === null) return value
  if (Array.isArray(value)) return Array.isArray(before) ? shareItems(before, value) : value
  return isObject(value) && isObject(before) ? shareMembers(before, value) : value
}

function shareItems(before: readonly unknown[], value: readonly unknown[]): readonly unknown[] {
  const shared = value.map((item, index) => shareParts(before[index], item))
  const isSame = before.length === shared.length && shared.every((item, index) => item === before[index])
  return isSame ? before : shared
}

function shareMembers(before: JsonObject, value: JsonObject): JsonObject {
  const keys = Object.keys(value)
  let isSame = keys.length === Object.keys(before).length
  let isOther = false
  const shared: { [key: string]: unknown } = {}
  for (const key of keys) {
    const member = value[key]
    const isThere = Object.hasOwn(before, key)
    const part = isThere ? shareParts(before[key], member) : member
    if (!isThere || part !== before[key]) isSame = false
    if (part !== member) isOther = true
    setOwn(shared, key, part)
  }
  return isSame ? before : isOther ? shared : value
}

/** A mutable deep copy of a JSON value; drops keys whose value is undefined, as JSON would. */
export function deepCopy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(deepCopy) as T
  if (!isObject(value)) return value
  const copy: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) if (item !== undefined) setOwn(copy, key, deepCopy(item))
  return copy as T
}

/** Freezes a JSON value and everything in it; returns it. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const item of Object.values(value)) deepFreeze(item)
  return Object.freeze(value)
}

/** Sets an own property whatever its name: a key `__proto__` from a user stays data and never becomes a prototype. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else target[key] = value
}

/**
 * `{ ...object, ...members }`, for objects that are made at every request. V8 (11.3, of Node 20) sets what a literal clones with a spread
 * apart from its transitions of hidden classes: each member that such a literal adds, and freezing what it made, gives that one object a class of
 * its own, at one to two microseconds each, and whoever looks at it later meets a class that it has never seen.
 */
export function withMembers<A extends object, B extends object>(object: A, members: B): Omit<A, keyof B> & B {
  const { ...result } = object as Record<string, unknown>
  for (const key of Object.keys(members)) setOwn(result, key, (members as Record<string, unknown>)[key])
  return result as unknown as Omit<A, keyof B> & B
}

/** JSON text with object keys sorted at every depth: equal values have equal text. The input of every hash. */
export function canonicalJson(value: unknown): string {
  let text = ''
  if (Array.isArray(value)) {
    for (const item of value) text += `${text === '' ? '' : ','}${canonicalJson(item)}`
    return `[${text}]`
  }
  if (!isObject(value)) return JSON.stringify(value ?? null)
  for (const key of Object.keys(value).sort())
    if (value[key] !== undefined)
      text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(value[key])}`
  return `{${text}}`
}

/** The same text in pieces: of a large value one for each value that lies `depth` deep in it. */
export function* canonicalPieces(value: unknown, depth: number): Iterable<string> {
  if (depth === 0 || !(Array.isArray(value) || isObject(value))) return yield canonicalJson(value)
  const isList = Array.isArray(value)
  const keys = isList ? value.keys() : Object.keys(value).sort()
  let before = isList ? '[' : '{'
  for (const key of keys) {
    const member = (value as { readonly [key: string]: unknown })[key]
    if (member === undefined && !isList) continue
    yield isList ? before : `${before}${JSON.stringify(key)}:`
    yield* canonicalPieces(member, depth - 1)
    before = ','
  }
  yield before === ',' ? '' : before
  yield isList ? ']' : '}'
}
