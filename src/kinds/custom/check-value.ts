import { canonicalJson, deepEqual, isObject, setOwn } from '../../base/index.ts'
import { compilePattern, type Pattern } from '../pattern.ts'
import { Problems } from '../validation/problems.ts'
import { hasFormat } from './formats.ts'
import {
  additionalSchema,
  childPath,
  isIntOrString,
  propertySchema,
  type SchemaProps,
} from './schema-props.ts'

/**
 * Adds what is wrong with a value under its schema, in the words of kube-openapi's validation. What is the same as in `old` was accepted
 * once and stays so (upstream's ratcheting): a schema may become stricter without locking its objects.
 */
export function checkValue(
  schema: SchemaProps,
  value: unknown,
  path: string,
  problems: Problems,
  old?: unknown,
): void {
  if (value === undefined || (old !== undefined && deepEqual(old, value))) return
  if (value === null && schema.nullable === true) return
  checkType(schema, value, path, problems)
  if (schema.enum !== undefined && !schema.enum.some(allowed => deepEqual(allowed, value)))
    problems.notSupported(path, value, schema.enum.map(textOf))
  if (typeof value === 'string') checkText(schema, value, path, problems)
  else if (typeof value === 'number') checkNumber(schema, value, path, problems)
  else if (Array.isArray(value)) checkList(schema, value, path, problems, old)
  else if (isObject(value)) checkObject(schema, value, path, problems, old)
  checkJunctors(schema, value, path, problems)
}

function checkType(schema: SchemaProps, value: unknown, path: string, problems: Problems): void {
  const actual = typeOf(value)
  if (isIntOrString(schema)) {
    if (actual !== 'integer' && actual !== 'string') typeMismatch(path, 'integer,string', actual, problems)
  } else if (schema.type !== undefined && schema.type !== '') {
    const fits = actual === schema.type || (schema.type === 'number' && actual === 'integer')
    if (!fits) typeMismatch(path, schema.type, actual, problems)
  }
}

function typeMismatch(path: string, expected: string, actual: string, problems: Problems): void {
  problems.typeInvalid(path, actual, `${inBody(path)} must be of type ${expected}: ${JSON.stringify(actual)}`)
}

function checkText(schema: SchemaProps, text: string, path: string, problems: Problems): void {
  const { maxLength, minLength, pattern, format } = schema
  if (maxLength !== undefined || minLength !== undefined) {
    const length = [...text].length
    if (maxLength !== undefined && length > maxLength) problems.tooLong(path, maxLength)
    if (minLength !== undefined && length < minLength)
      problems.invalid(path, text, `${inBody(path)} should be at least ${minLength} chars long`)
  }
  if (pattern !== undefined && pattern !== '' && !patternOf(pattern).find(text))
    problems.invalid(path, text, `${inBody(path)} should match '${pattern}'`)
  if (format !== undefined && !hasFormat(format, text))
    problems.typeInvalid(path, text, `${inBody(path)} must be of type ${format}: ${JSON.stringify(text)}`)
}

const patterns = new Map<string, Pick<Pattern, 'find'>>()
/** Compiled expressions that are kept; beyond it all are compiled anew. */
const MAX_PATTERNS = 2_000

/** Expressions are checked before a definition is stored: one that cannot be read matches nothing. */
function patternOf(source: string): Pick<Pattern, 'find'> {
  const known = patterns.get(source)
  if (known !== undefined) return known
  const compiled = compilePattern(source)
  const pattern = 'find' in compiled ? compiled : { find: () => false }
  if (patterns.size >= MAX_PATTERNS) patterns.clear()
  patterns.set(source, pattern)
  return pattern
}

function checkNumber(schema: SchemaProps, value: number, path: string, problems: Problems): void {
  const { minimum, maximum, exclusiveMinimum = false, exclusiveMaximum = false, multipleOf } = schema
  const say = (what: string): void => problems.invalid(path, value, `${inBody(path)} should be ${what}`)
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum))
    say(exclusiveMinimum ? `greater than ${minimum}` : `greater than or equal to ${minimum}`)
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum))
    say(exclusiveMaximum ? `less than ${maximum}` : `less than or equal to ${maximum}`)
  if (multipleOf !== undefined && multipleOf > 0 && !Number.isInteger(value / multipleOf))
    say(`a multiple of ${multipleOf}`)
}

function checkList(
  schema: SchemaProps,
  items: readonly unknown[],
  path: string,
  problems: Problems,
  old: unknown,
): void {
  const { minItems, maxItems } = schema
  if (minItems !== undefined && items.length < minItems)
    problems.invalid(path, items.length, `${inBody(path)} should have at least ${minItems} items`)
  if (maxItems !== undefined && items.length > maxItems) problems.tooMany(path, items.length, maxItems)
  checkUnique(schema, items, path, problems)
  const itemSchema = schema.items
  if (itemSchema === undefined) return
  const olds = correlated(schema, old)
  items.forEach((item, index) => {
    checkValue(itemSchema, item, `${path}[${index}]`, problems, olds?.get(identityOf(schema, item)))
  })
}

/** The items of lists that name them; items of others cannot be told apart. */
function correlated(schema: SchemaProps, old: unknown): ReadonlyMap<string, unknown> | undefined {
  if (!Array.isArray(old) || schema['x-kubernetes-list-type'] !== 'map') return undefined
  return new Map(old.map(item => [identityOf(schema, item), item]))
}

function checkUnique(schema: SchemaProps, items: readonly unknown[], path: string, problems: Problems): void {
  const type = schema['x-kubernetes-list-type']
  if (type !== 'set' && type !== 'map') return
  const seen = new Set<string>()
  items.forEach((item, index) => {
    const identity = identityOf(schema, item)
    if (seen.has(identity))
      problems.duplicate(`${path}[${index}]`, type === 'set' ? item : keysOf(schema, item))
    seen.add(identity)
  })
}

function identityOf(schema: SchemaProps, item: unknown): string {
  return canonicalJson(schema['x-kubernetes-list-type'] === 'map' ? keysOf(schema, item) : item)
}

function keysOf(schema: SchemaProps, item: unknown): Record<string, unknown> {
  const keys: Record<string, unknown> = {}
  if (!isObject(item)) return keys
  for (const key of schema['x-kubernetes-list-map-keys'] ?? [])
    if (Object.hasOwn(item, key)) setOwn(keys, key, item[key])
  return keys
}

function checkObject(
  schema: SchemaProps,
  object: { readonly [key: string]: unknown },
  path: string,
  problems: Problems,
  old: unknown,
): void {
  const { required = [], minProperties, maxProperties } = schema
  const keys = Object.keys(object)
  if (minProperties !== undefined && keys.length < minProperties)
    problems.invalid(path, keys.length, `${inBody(path)} should have at least ${minProperties} properties`)
  if (maxProperties !== undefined && keys.length > maxProperties)
    problems.tooMany(path, keys.length, maxProperties)
  for (const name of required)
    if (!Object.hasOwn(object, name) || object[name] === undefined) problems.required(childPath(path, name))
  const additional = additionalSchema(schema)
  for (const key of keys) {
    const known = propertySchema(schema, key) ?? additional
    if (known === undefined || known === true) continue
    checkValue(known, object[key], childPath(path, key), problems, isObject(old) ? old[key] : undefined)
  }
}

function checkJunctors(schema: SchemaProps, value: unknown, path: string, problems: Problems): void {
  const { allOf = [], anyOf = [], oneOf = [], not } = schema
  const name = JSON.stringify(path)
  for (const part of allOf) checkValue(part, value, path, problems)
  if (anyOf.length > 0 && !isIntOrString(schema)) {
    const tries = anyOf.map(part => tried(part, value, path))
    if (!tries.some(({ list }) => list.length === 0)) {
      problems.invalid(path, '', `${name} must validate at least one schema (anyOf)`)
      addBest(tries, problems)
    }
  }
  if (oneOf.length > 0) {
    const tries = oneOf.map(part => tried(part, value, path))
    const valid = tries.filter(({ list }) => list.length === 0).length
    if (valid !== 1) {
      const found = valid === 0 ? 'none valid' : `${valid} valid alternatives`
      problems.invalid(path, '', `${name} must validate one and only one schema (oneOf). Found ${found}`)
      if (valid === 0) addBest(tries, problems)
    }
  }
  if (not !== undefined && tried(not, value, path).list.length === 0)
    problems.invalid(path, '', `${name} must not validate the schema (not)`)
}

function tried(schema: SchemaProps, value: unknown, path: string): Problems {
  const problems = new Problems()
  checkValue(schema, value, path, problems)
  return problems
}

/** What keeps the alternative from fitting that comes nearest. */
function addBest(tries: readonly Problems[], problems: Problems): void {
  const [best] = [...tries].sort((a, b) => a.list.length - b.list.length)
  for (const problem of best?.list ?? []) problems.add(problem)
}

/** As kube-openapi names types; a whole number is an integer. */
function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

function inBody(path: string): string {
  return path === '' ? 'in body' : `${path} in body`
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
