import rfc6902 from 'rfc6902'
import { deepCopy, deepEqual, isObject } from '../../base/index.ts'
import { MAX_NESTING, StatusError } from '../../kube/index.ts'
import { inapplicablePatch, malformedPatch } from './patch-error.ts'

/** apiserver's `maxJSONPatchOperations`. */
const MAX_OPERATIONS = 10_000
/** What all `copy` operations together may add, in characters of JSON (apiserver: 3 MiB); repeated doubling ends here. */
const MAX_COPIED = 3 * 1024 * 1024

/** Keys that `rfc6902` steps over instead of into; a patch that names one is refused rather than misapplied. */
const UNREACHABLE_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

type Operation = Parameters<typeof rfc6902.applyPatch>[1][number]

/**
 * RFC 6902. All operations apply, in order, or none: 400 for what is no patch, 422 for one that does not fit the object or whose
 * `test` fails, 413 for too many operations. The input is not changed and nothing is shared with it.
 */
export function applyJsonPatch(object: unknown, operations: unknown): unknown {
  const list = readOperations(operations)
  const document: unknown = deepCopy(object)
  let copied = 0
  for (const operation of list) {
    if (operation.op === 'copy') {
      const source = locate(document, operation.from)
      copied += JSON.stringify(source).length
      if (copied > MAX_COPIED) throw inapplicablePatch(`copy operations exceed ${MAX_COPIED} characters`)
      refuseDeeper(source, MAX_NESTING - tokensOf(operation.path).length)
    }
    applyOperation(document, operation)
  }
  refuseDeeper(document, MAX_NESTING)
  return document
}

function refuseDeeper(value: unknown, levels: number): void {
  if (isDeeper(value, levels))
    throw inapplicablePatch(`what the patch makes is nested deeper than ${MAX_NESTING} levels`)
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels <= 0 || Object.values(value).some(member => isDeeper(member, levels - 1))
}

function applyOperation(document: unknown, operation: Operation): void {
  if (operation.op === 'test') {
    // Upstream lets a test for null pass where there is nothing.
    const actual =
      locateParent(document, operation.path) === undefined ? null : peek(document, operation.path)
    if (!deepEqual(actual ?? null, operation.value ?? null))
      throw inapplicablePatch(`testing value ${operation.path} failed: test failed`, operation.path)
    return
  }
  if (operation.op !== 'add' && operation.op !== 'copy') {
    locate(document, operation.op === 'move' ? operation.from : operation.path, operation)
    if (operation.op === 'move') checkTarget(document, operation.path, operation)
  } else checkTarget(document, operation.path, operation)

  const [failure] = rfc6902.applyPatch(document, [operation])
  if (failure) throw doesNotApply(operation, operation.path)
}

/** The value at a pointer, which must be there. */
function locate(document: unknown, pointer: string, operation?: Operation): unknown {
  const value = peek(document, pointer)
  if (pointer === '' || value === undefined) throw doesNotApply(operation, pointer)
  return value
}

/** The place that an addition goes to: its parent must be there, and an index must be one that the list has or the next one. */
function checkTarget(document: unknown, pointer: string, operation: Operation): void {
  const parent = locateParent(document, pointer)
  const key = tokensOf(pointer).at(-1)
  if (
    Array.isArray(parent) &&
    key !== undefined &&
    (key === '-' || indexOf(key, parent.length + 1) !== undefined)
  )
    return
  if (isObject(parent)) return
  throw doesNotApply(operation, pointer)
}

function peek(document: unknown, pointer: string): unknown {
  let value = document
  for (const token of tokensOf(pointer)) value = memberOf(value, token)
  return value
}

function locateParent(document: unknown, pointer: string): unknown {
  const tokens = tokensOf(pointer)
  if (tokens.length === 0) return undefined
  let value = document
  for (const token of tokens.slice(0, -1)) value = memberOf(value, token)
  return value
}

function memberOf(value: unknown, token: string): unknown {
  if (Array.isArray(value)) {
    const index = indexOf(token, value.length)
    return index === undefined ? undefined : value[index]
  }
  return isObject(value) && Object.hasOwn(value, token) ? value[token] : undefined
}

function indexOf(token: string, length: number): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,8})$/.test(token)) return undefined
  const index = Number(token)
  return index < length ? index : undefined
}

function tokensOf(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function readOperations(operations: unknown): readonly Operation[] {
  if (!Array.isArray(operations)) throw malformedPatch('a JSON patch must be an array of operations')
  if (operations.length > MAX_OPERATIONS) {
    throw new StatusError(
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${operations.length}`,
    )
  }
  return operations.map((operation, index) => readOperation(operation, index))
}

function readOperation(operation: unknown, index: number): Operation {
  if (!isObject(operation)) throw malformedPatch(`JSON patch operation ${index} must be an object`)
  const { op, path, from } = operation
  checkPointer(path, `JSON patch operation ${index}: path`)
  switch (op) {
    case 'remove':
      return { op, path }
    case 'move':
    case 'copy':
      checkPointer(from, `JSON patch operation ${index}: from`)
      return { op, path, from }
    case 'add':
    case 'replace':
    case 'test':
      if (!Object.hasOwn(operation, 'value'))
        throw malformedPatch(`JSON patch operation ${index} must have a value`)
      return { op, path, value: operation.value }
    default:
      throw malformedPatch(`JSON patch operation ${index} has an unknown op: ${JSON.stringify(op)}`)
  }
}

function checkPointer(pointer: unknown, name: string): asserts pointer is string {
  if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/')))
    throw malformedPatch(`${name} must be a JSON pointer: current value is ${JSON.stringify(pointer)}`)
  for (const token of tokensOf(pointer)) {
    if (UNREACHABLE_KEYS.has(token))
      throw inapplicablePatch(`a JSON patch cannot reach the key "${token}"`, pointer)
  }
}

function doesNotApply(operation: Operation | undefined, pointer: string): StatusError {
  return inapplicablePatch(
    `${operation?.op ?? 'copy'} operation does not apply: doc is missing path: ${JSON.stringify(pointer)}: missing value`,
    pointer,
  )
}
