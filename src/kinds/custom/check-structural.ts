import { deepCopy, deepEqual, isObject } from '../../base/index.ts'
import { compilePattern, patternCost } from '../pattern.ts'
import { Problems } from '../validation/problems.ts'
import { checkValue } from './check-value.ts'
import { fillCustomDefaults } from './fill-defaults.ts'
import { pruneResource } from './prune.ts'
import {
  additionalSchema,
  isEmbeddedResource,
  isIntOrString,
  preservesUnknown,
  propertySchema,
  type SchemaProps,
} from './schema-props.ts'

/** Where in a schema the check stands: upstream's words differ by it. */
type Level = 'field' | 'item' | 'root'

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string']
const LIST_TYPES = ['atomic', 'map', 'set']
const MAP_TYPES = ['atomic', 'granular']
const EMPTY_AT: Readonly<Record<Level, string>> = {
  field: 'must not be empty for specified object fields',
  item: 'must not be empty for specified array items',
  root: 'must not be empty at the root',
}
/** What JSON Schema has and definitions of kinds may not use. */
const UNSUPPORTED = [
  '$ref',
  'additionalItems',
  'definitions',
  'dependencies',
  'id',
  'patternProperties',
] as const
/** What describes or structures a value; within allOf, anyOf, oneOf and not there may only be conditions on it. */
const NOT_NESTED: readonly (readonly [keyof SchemaProps, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['externalDocs', 'must be undefined to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
]
const INT_OR_STRING_ANY_OF = [{ type: 'integer' }, { type: 'string' }]

/** What the regular expressions of one schema may come to together, written out: some tenths of a second to compile. */
const MAX_PATTERN_COST = 500_000

/** Adds what keeps a schema from being structural (apiextensions `pkg/apiserver/schema/validation.go`), or from being one at all. */
export function checkStructural(schema: SchemaProps, path: string, problems: Problems): void {
  const patterns = new Set<string>()
  collectPatterns(schema, patterns)
  const cost = [...patterns].reduce((sum, pattern) => sum + patternCost(pattern), 0)
  if (cost > MAX_PATTERN_COST) {
    problems.invalid(
      path,
      cost,
      `its regular expressions are too large: at most ${MAX_PATTERN_COST} steps in all`,
    )
    return
  }
  checkNode(schema, path, 'root', problems)
}

function collectPatterns(value: unknown, found: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collectPatterns(item, found)
  else if (isObject(value))
    for (const [key, member] of Object.entries(value)) {
      if (key === 'pattern' && typeof member === 'string') found.add(member)
      else if (key !== 'default' && key !== 'enum' && key !== 'example') collectPatterns(member, found)
    }
}

function checkNode(schema: SchemaProps, path: string, level: Level, problems: Problems): void {
  checkKeywords(schema, path, problems)
  checkTypeWord(schema, path, level, problems)
  checkExtensions(schema, path, problems)
  checkRules(schema, path, problems)
  checkLists(schema, path, problems)
  checkMetadataRules(schema, path, level, problems)
  checkJunctors(schema, schema, path, problems)
  checkDefault(schema, path, problems)
  if (schema.items !== undefined) checkNode(schema.items, `${path}.items`, 'item', problems)
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    checkNode(property, `${path}.properties[${name}]`, 'field', problems)
  const additional = additionalSchema(schema)
  if (additional !== undefined && additional !== true)
    checkNode(additional, `${path}.additionalProperties`, 'field', problems)
}

function checkKeywords(schema: SchemaProps, path: string, problems: Problems): void {
  for (const keyword of UNSUPPORTED)
    if (schema[keyword] !== undefined && schema[keyword] !== '')
      problems.forbidden(`${path}.${keyword}`, `${keyword} is not supported`)
  if (schema.uniqueItems === true)
    problems.forbidden(
      `${path}.uniqueItems`,
      'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    )
  const { additionalProperties } = schema
  if (additionalProperties !== undefined) {
    if (typeof additionalProperties !== 'boolean' && !isObject(additionalProperties))
      problems.invalid(
        `${path}.additionalProperties`,
        additionalProperties,
        'must be a schema or a boolean value',
      )
    else if (Object.keys(schema.properties ?? {}).length > 0 && additionalProperties !== true)
      problems.forbidden(
        `${path}.additionalProperties`,
        'additionalProperties and properties are mutual exclusive',
      )
  }
  const { pattern } = schema
  if (pattern !== undefined && pattern !== '') {
    const compiled = compilePattern(pattern)
    if ('problem' in compiled)
      problems.invalid(
        `${path}.pattern`,
        pattern,
        `must be a valid regular expression, but isn't: ${compiled.problem}`,
      )
  }
}

function checkTypeWord(schema: SchemaProps, path: string, level: Level, problems: Problems): void {
  const { type = '' } = schema
  if (type === 'null')
    problems.forbidden(`${path}.type`, 'type cannot be set to null, use nullable as an alternative')
  else if (type !== '' && !TYPES.includes(type)) problems.notSupported(`${path}.type`, type, TYPES)
  if (isEmbeddedResource(schema) && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true'
    if (type === '') problems.required(`${path}.type`, detail)
    else problems.invalid(`${path}.type`, type, detail)
  } else if (type === '' && !isIntOrString(schema) && !preservesUnknown(schema))
    problems.required(`${path}.type`, EMPTY_AT[level])
  if (level === 'root' && type !== '' && type !== 'object')
    problems.invalid(`${path}.type`, type, 'must be object at the root')
  if (type === 'array' && schema.items === undefined) problems.required(`${path}.items`, 'must be specified')
  if (level === 'root' && schema.nullable === true)
    problems.forbidden(`${path}.nullable`, 'nullable cannot be true at the root')
  if (level === 'root' && schema.additionalProperties !== undefined)
    problems.forbidden(`${path}.additionalProperties`, 'must not be used at the root')
}

/** What the rules say is looked at once the schema is known to be structural. */
function checkRules(schema: SchemaProps, path: string, problems: Problems): void {
  for (const [index, { rule }] of (schema['x-kubernetes-validations'] ?? []).entries())
    if (rule === undefined || rule.trim() === '')
      problems.required(`${path}.x-kubernetes-validations[${index}].rule`, 'rule is not specified')
}

function checkExtensions(schema: SchemaProps, path: string, problems: Problems): void {
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    problems.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, 'must be true or undefined')
  if (isIntOrString(schema)) {
    for (const keyword of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const)
      if (schema[keyword] === true)
        problems.invalid(`${path}.${keyword}`, true, 'must be false if x-kubernetes-int-or-string is true')
    if (schema.type)
      problems.invalid(`${path}.type`, schema.type, 'must be empty if x-kubernetes-int-or-string is true')
  }
  if (isEmbeddedResource(schema)) {
    if (schema.additionalProperties !== undefined)
      problems.forbidden(
        `${path}.additionalProperties`,
        'must not be used if x-kubernetes-embedded-resource is set',
      )
    if (!preservesUnknown(schema) && Object.keys(schema.properties ?? {}).length === 0)
      problems.required(
        `${path}.properties`,
        'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      )
  }
}

/** How lists and maps merge must fit what they hold. */
function checkLists(schema: SchemaProps, path: string, problems: Problems): void {
  const listType = schema['x-kubernetes-list-type']
  const mapType = schema['x-kubernetes-map-type']
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  if (mapType !== undefined) {
    if (!MAP_TYPES.includes(mapType))
      problems.notSupported(`${path}.x-kubernetes-map-type`, mapType, MAP_TYPES)
    if (schema.type !== 'object')
      problems.invalid(
        `${path}.type`,
        schema.type ?? '',
        'must be object if x-kubernetes-map-type is specified',
      )
  }
  if (listType === undefined) {
    if (keys.length > 0)
      problems.required(
        `${path}.x-kubernetes-list-type`,
        'must be map if x-kubernetes-list-map-keys is non-empty',
      )
    return
  }
  if (!LIST_TYPES.includes(listType))
    problems.notSupported(`${path}.x-kubernetes-list-type`, listType, LIST_TYPES)
  if (schema.type !== 'array')
    problems.invalid(
      `${path}.type`,
      schema.type ?? '',
      'must be array if x-kubernetes-list-type is specified',
    )
  if (listType === 'map') checkListMap(schema, keys, path, problems)
  else if (keys.length > 0)
    problems.invalid(
      `${path}.x-kubernetes-list-type`,
      listType,
      'must be map if x-kubernetes-list-map-keys is non-empty',
    )
  if (listType === 'set') checkListSet(schema.items, path, problems)
}

function checkListMap(
  { items }: SchemaProps,
  keys: readonly string[],
  path: string,
  problems: Problems,
): void {
  if (keys.length === 0) {
    problems.required(
      `${path}.x-kubernetes-list-map-keys`,
      'must not be empty if x-kubernetes-list-type is map',
    )
    return
  }
  if (items === undefined) return
  if (items.type !== 'object')
    problems.invalid(
      `${path}.items.type`,
      items.type ?? '',
      "must be object if parent array's x-kubernetes-list-type is map",
    )
  keys.forEach((key, index) => {
    const at = `${path}.items.properties[${key}]`
    const property = propertySchema(items, key)
    if (keys.indexOf(key) !== index) problems.duplicate(`${path}.x-kubernetes-list-map-keys[${index}]`, key)
    if (property === undefined)
      problems.invalid(
        `${path}.x-kubernetes-list-map-keys[${index}]`,
        key,
        'entries must all be names of item properties',
      )
    else if (property.type === 'array' || property.type === 'object')
      problems.invalid(
        `${at}.type`,
        property.type,
        "must be a scalar type if parent array's x-kubernetes-list-type is map",
      )
    else if (property.default === undefined && !(items.required ?? []).includes(key))
      problems.required(
        `${at}.default`,
        'this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property',
      )
    if (property?.nullable === true)
      problems.forbidden(
        `${at}.nullable`,
        'this property is in x-kubernetes-list-map-keys, so it cannot be nullable',
      )
  })
}

function checkListSet(items: SchemaProps | undefined, path: string, problems: Problems): void {
  if (items === undefined) return
  if (items.nullable === true)
    problems.forbidden(`${path}.items.nullable`, "cannot be nullable when x-kubernetes-list-type is 'set'")
  const isAtomic =
    items.type === 'object'
      ? items['x-kubernetes-map-type'] === 'atomic'
      : items.type !== 'array' || (items['x-kubernetes-list-type'] ?? 'atomic') === 'atomic'
  if (!isAtomic)
    problems.invalid(
      `${path}.items.${items.type === 'object' ? 'x-kubernetes-map-type' : 'x-kubernetes-list-type'}`,
      items[items.type === 'object' ? 'x-kubernetes-map-type' : 'x-kubernetes-list-type'] ?? null,
      'must be atomic as item of a list with x-kubernetes-list-type=set',
    )
}

/** apiVersion, kind and metadata belong to the API; a schema can but restrict the name. */
function checkMetadataRules(schema: SchemaProps, path: string, level: Level, problems: Problems): void {
  if (level !== 'root' && !isEmbeddedResource(schema)) return
  for (const name of ['apiVersion', 'kind']) {
    const type = propertySchema(schema, name)?.type
    if (propertySchema(schema, name) !== undefined && type !== 'string')
      problems.invalid(`${path}.properties[${name}].type`, type ?? '', 'must be string')
  }
  const metadata = propertySchema(schema, 'metadata')
  if (metadata === undefined) return
  const at = `${path}.properties[metadata]`
  if (metadata.type !== 'object') problems.invalid(`${at}.type`, metadata.type ?? '', 'must be object')
  if (metadata.default !== undefined) problems.forbidden(`${at}.default`, 'must not be set')
  if (level !== 'root') return
  const { type: _, description: __, properties = {}, ...rest } = metadata
  const others = Object.keys(properties).filter(name => name !== 'name' && name !== 'generateName')
  if (others.length > 0 || Object.keys(rest).some(key => key !== 'default'))
    problems.forbidden(
      at,
      'must not specify anything other than name and generateName, but metadata is implicitly specified',
    )
}

/** Conditions on a value: they may not structure it, and speak of what is specified outside of them. */
function checkJunctors(
  schema: SchemaProps,
  structure: SchemaProps | undefined,
  path: string,
  problems: Problems,
): void {
  const { anyOf = [], allOf = [], oneOf = [], not } = schema
  const skipsAnyOf = isIntOrString(schema) && deepEqual(anyOf, INT_OR_STRING_ANY_OF)
  if (!skipsAnyOf)
    for (const [index, part] of anyOf.entries())
      checkNested(part, structure, `${path}.anyOf[${index}]`, problems)
  allOf.forEach((part, index) => {
    const { anyOf: ofPart, ...others } = part
    const isPattern = index === 0 && isIntOrString(schema) && deepEqual(ofPart ?? [], INT_OR_STRING_ANY_OF)
    checkNested(isPattern ? others : part, structure, `${path}.allOf[${index}]`, problems)
  })
  for (const [index, part] of oneOf.entries())
    checkNested(part, structure, `${path}.oneOf[${index}]`, problems)
  if (not !== undefined) checkNested(not, structure, `${path}.not`, problems)
}

function checkNested(
  part: SchemaProps,
  structure: SchemaProps | undefined,
  path: string,
  problems: Problems,
): void {
  checkKeywords(part, path, problems)
  for (const [keyword, detail] of NOT_NESTED) {
    const value = part[keyword]
    const isSet = value !== undefined && value !== '' && value !== false
    if (isSet && !(Array.isArray(value) && value.length === 0))
      problems.forbidden(`${path}.${keyword}`, detail)
  }
  checkJunctors(part, structure, path, problems)
  if (part.items !== undefined) {
    if (structure !== undefined && structure.items === undefined)
      problems.required(`${path}.items`, 'must be specified outside of the condition to be structural')
    checkNested(part.items, structure?.items, `${path}.items`, problems)
  }
  for (const [name, property] of Object.entries(part.properties ?? {})) {
    const at = `${path}.properties[${name}]`
    if (name === 'metadata') problems.forbidden(at, 'must not be specified in a nested context')
    const additional = structure === undefined ? undefined : additionalSchema(structure)
    const outside =
      structure === undefined
        ? undefined
        : (propertySchema(structure, name) ?? (additional === true ? undefined : additional))
    if (structure !== undefined && outside === undefined)
      problems.required(at, 'must be specified outside of the condition to be structural')
    checkNested(property, outside, at, problems)
  }
}

/** A default must be what the schema would store, and valid. */
function checkDefault(schema: SchemaProps, path: string, problems: Problems): void {
  const value = schema.default
  if (value === undefined) return
  const at = `${path}.default`
  if (value === null && schema.nullable !== true) {
    problems.invalid(at, null, 'must be of the type of the field: it is not nullable')
    return
  }
  const dropped: string[] = []
  const pruned = pruneResource(schema, value, dropped)
  for (const field of dropped) problems.invalid(`${at}.${field}`, value, 'must not have unknown fields')
  const completed = deepCopy(pruned)
  fillCustomDefaults(schema, completed)
  const found = new Problems()
  checkValue({ ...schema, default: undefined } as SchemaProps, completed, '', found)
  for (const problem of found.list)
    problems.add({ ...problem, path: problem.path === '' ? at : `${at}.${problem.path}` })
}
