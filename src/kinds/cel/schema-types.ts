import type { Environment } from '@marcbachmann/cel-js'
import { deepEqual, isObject } from '../../base/index.ts'
import {
  additionalSchema,
  isEmbeddedResource,
  isIntOrString,
  preservesUnknown,
  type SchemaProps,
} from '../custom/schema-props.ts'

/** How values of one schema look to expressions. */
export interface CelShape {
  /** The name of the type in the environment. */
  readonly type: string
  /** The value as the language has it: whole numbers as bigints, objects as instances of their type. */
  convert(value: unknown): unknown
}

/** Types of objects in one schema that rules can speak of. */
const MAX_TYPES = 1_000

const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return'.split(
    ' ',
  ),
)
const IDENTITY: { readonly [name: string]: SchemaProps } = {
  apiVersion: { type: 'string' },
  kind: { type: 'string' },
  metadata: {
    type: 'object',
    properties: { name: { type: 'string' }, generateName: { type: 'string' } },
  },
}

/** The types of a structural schema in an environment. The shape of a part is undefined where expressions cannot see what it holds. */
export class SchemaTypes {
  readonly #environment: Environment
  readonly #names: ReadonlySet<string>
  readonly #shapes = new Map<SchemaProps, CelShape | undefined>()
  /** What instances were made of, by which they are compared. */
  readonly #sources = new WeakMap<object, unknown>()
  #count = 0

  /** `names`: the fields that expressions name; others need no type. */
  constructor(environment: Environment, names: ReadonlySet<string>) {
    this.#environment = environment
    this.#names = names
  }

  /** There were more types of objects than are made. */
  get isFull(): boolean {
    return this.#count > MAX_TYPES
  }

  shapeOf(schema: SchemaProps, isResource: boolean = isEmbeddedResource(schema)): CelShape | undefined {
    if (this.#shapes.has(schema)) return this.#shapes.get(schema)
    const shape = this.#make(schema, isResource)
    this.#shapes.set(schema, shape)
    return shape
  }

  #make(schema: SchemaProps, isResource: boolean): CelShape | undefined {
    if (isIntOrString(schema))
      return { type: 'dyn', convert: value => (Number.isInteger(value) ? BigInt(value as number) : value) }
    switch (schema.type) {
      case 'boolean':
        return { type: 'bool', convert: value => value }
      case 'integer':
        return { type: 'int', convert: value => BigInt(Math.trunc(Number(value))) }
      case 'number':
        return { type: 'double', convert: value => Number(value) }
      case 'string':
        return textShape(schema.format)
      case 'array':
        return this.#list(schema)
      case 'object':
        return this.#object(schema, isResource)
      default:
        return undefined
    }
  }

  #list(schema: SchemaProps): CelShape | undefined {
    const items = schema.items && this.shapeOf(schema.items)
    if (items === undefined) return undefined
    return {
      type: `list<${items.type}>`,
      convert: value => (Array.isArray(value) ? value : []).map(item => items.convert(item)),
    }
  }

  #object(schema: SchemaProps, isResource: boolean): CelShape | undefined {
    const additional = additionalSchema(schema)
    if (additional !== undefined && schema.properties === undefined) {
      if (additional === true) return undefined
      const values = this.shapeOf(additional)
      if (values === undefined) return undefined
      return {
        type: `map<string, ${values.type}>`,
        convert: value =>
          new Map(
            Object.entries(isObject(value) ? value : {}).map(([key, item]) => [key, values.convert(item)]),
          ),
      }
    }
    if (schema.properties === undefined && preservesUnknown(schema) && !isResource) return undefined
    return this.#struct({ ...schema.properties, ...(isResource ? IDENTITY : {}) })
  }

  #struct(properties: { readonly [name: string]: SchemaProps }): CelShape | undefined {
    this.#count += 1
    if (this.isFull) return undefined
    const type = `Object${this.#count}`
    // Each type has a class of its own, by which the language tells its values.
    const Instance = class {}
    const fields: Record<string, string> = {}
    const members: { readonly name: string; readonly field: string; readonly shape: CelShape }[] = []
    for (const [name, property] of Object.entries(properties)) {
      const field = escapeName(name)
      if (!this.#names.has(field) || !/^[A-Za-z_.\-/][\w.\-/]*$/.test(name)) continue
      const shape = this.shapeOf(property)
      if (shape === undefined) continue
      fields[field] = shape.type
      members.push({ name, field, shape })
    }
    this.#environment.registerType(type, { ctor: Instance, fields })
    this.#environment.registerOperator(`${type} == ${type}`, (a: object, b: object) =>
      deepEqual(this.#sources.get(a), this.#sources.get(b)),
    )
    const sources = this.#sources
    return {
      type,
      convert(value) {
        const instance = new Instance() as Record<string, unknown>
        sources.set(instance, value)
        if (!isObject(value)) return instance
        for (const { name, field, shape } of members) {
          const member = Object.hasOwn(value, name) ? value[name] : undefined
          // A null is an absent field.
          if (member !== undefined && member !== null) instance[field] = shape.convert(member)
        }
        return instance
      },
    }
  }
}

function textShape(format: string | undefined): CelShape {
  if (format === 'date' || format === 'date-time' || format === 'datetime')
    return { type: 'google.protobuf.Timestamp', convert: value => new Date(String(value)) }
  if (format === 'byte')
    return {
      type: 'bytes',
      convert: value => Uint8Array.from(atob(String(value)), character => character.charCodeAt(0)),
    }
  return { type: 'string', convert: value => String(value) }
}

/** A property's name as expressions write it. */
function escapeName(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__')
}
