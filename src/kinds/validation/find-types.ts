import { isObject } from '../../base/index.ts'
import { isBase64, quantityProblem } from '../../kube/index.ts'
import { resolveSchema, type Schema } from '../schema/schema.ts'
import type { Problems } from './problems.ts'

const MAX_INT32 = 2 ** 31 - 1
/** Clients of fixed types can read no list with a larger one in it. */
const END_INT64 = 2 ** 63

/** RFC 3339, as every timestamp of the API is written. */
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

/** Adds a problem for every value that cannot be decoded into the schema's type. Null is absence and always fits. */
export function findTypes(schema: Schema, value: unknown, path: string, problems: Problems): void {
  if (value === null || value === undefined) return
  const resolved = resolveSchema(schema)
  switch (resolved.type) {
    case 'array':
      return findInList(resolved, value, path, problems)
    case 'object':
      return findInObject(resolved, value, path, problems)
    case 'string':
      return findInText(resolved, value, path, problems)
    case 'boolean':
      if (typeof value !== 'boolean') mismatch(path, value, 'boolean', problems)
      return
    case 'integer':
    case 'number':
      return findInNumber(resolved, value, path, problems)
    case undefined:
      return findInUntyped(resolved, value, path, problems)
  }
}

function findInList(schema: Schema, value: unknown, path: string, problems: Problems): void {
  if (!Array.isArray(value)) return mismatch(path, value, 'array', problems)
  const { items } = schema
  if (items === undefined) return
  const { type, format } = resolveSchema(items)
  const expected = type ?? format
  value.forEach((item, index) => {
    // A list of any values may hold null: the `enum` of a schema for what is nullable does.
    if (item === null && expected !== undefined) mismatch(`${path}[${index}]`, item, expected, problems)
    else findTypes(items, item, `${path}[${index}]`, problems)
  })
}

function findInObject(schema: Schema, value: unknown, path: string, problems: Problems): void {
  if (!isObject(value)) return mismatch(path, value, 'object', problems)
  const { properties, additionalProperties } = schema
  for (const key of Object.keys(value)) {
    if (properties !== undefined && Object.hasOwn(properties, key))
      findTypes(properties[key] as Schema, value[key], path === '' ? key : `${path}.${key}`, problems)
    else if (additionalProperties !== undefined)
      findTypes(additionalProperties, value[key], `${path}[${key}]`, problems)
  }
}

function findInText({ format }: Schema, value: unknown, path: string, problems: Problems): void {
  if (typeof value !== 'string') return mismatch(path, value, 'string', problems)
  // Bytes may be a secret: the message shows none of them.
  if (format === 'byte' && !isBase64(value)) problems.typeInvalid(path, '***', 'must be standard base64')
  if ((format === 'date-time' || format === 'micro-time') && value !== '') {
    if (!TIMESTAMP.test(value) || Number.isNaN(Date.parse(value)))
      problems.typeInvalid(path, value, 'must be a time such as "2006-01-02T15:04:05Z"')
  }
}

function findInNumber({ type, format }: Schema, value: unknown, path: string, problems: Problems): void {
  if (typeof value !== 'number') return mismatch(path, value, type as string, problems)
  if (type === 'number') {
    // As which numbers of more than 308 digits are read.
    if (!Number.isFinite(value)) problems.typeInvalid(path, String(value), 'must fit in a double')
  } else if (!Number.isInteger(value)) mismatch(path, value, 'integer', problems)
  else if (format === 'int32' && !isInt32(value)) problems.typeInvalid(path, value, 'must fit in 32 bits')
  else if (value >= END_INT64 || value < -END_INT64) problems.typeInvalid(path, value, 'must fit in 64 bits')
}

function isInt32(value: number): boolean {
  return value <= MAX_INT32 && value >= -MAX_INT32 - 1
}

function findInUntyped({ format }: Schema, value: unknown, path: string, problems: Problems): void {
  if (format === 'quantity') {
    if (typeof value !== 'string' && typeof value !== 'number')
      return mismatch(path, value, 'quantity', problems)
    const problem = quantityProblem(value)
    if (problem !== undefined) problems.typeInvalid(path, value, problem)
  } else if (format === 'int-or-string') {
    if (typeof value !== 'string' && !(typeof value === 'number' && Number.isInteger(value)))
      mismatch(path, value, 'integer or string', problems)
    else if (typeof value === 'number' && !isInt32(value))
      problems.typeInvalid(path, value, 'must fit in 32 bits')
  }
}

function mismatch(path: string, value: unknown, expected: string, problems: Problems): void {
  const actual = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  // Only plain values are shown: the type is what matters, and a whole object may hold a secret.
  const shown = typeof value === 'number' || typeof value === 'boolean' ? value : actual
  problems.typeInvalid(path, shown, `must be of type ${expected}, not ${actual}`)
}
