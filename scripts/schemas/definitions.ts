import { bowlineDefinitions } from '../../src/kinds/schema/bowline.ts'
import { overlay, packages, prefixes, roots } from '../../src/kinds/schema/overlay.ts'
import { refTo } from '../../src/kinds/schema/ref.ts'
import type { Schema } from '../../src/kinds/schema/schema.ts'
import { loadModel } from './models.ts'
import { droppedZeros } from './zeros.ts'

export type Definitions = { readonly [name: string]: Schema }

/** The schemas of all kinds: the models' closure from the roots, the overlay laid over it, Bowline's own beside it. */
export async function assembleDefinitions(): Promise<Definitions> {
  const classNames = new Set(roots)
  const definitions: Record<string, Schema> = {}
  // A Set's iteration includes what is added while it runs: this walks the transitive closure.
  for (const className of classNames) {
    const model = await loadModel(className)
    const properties: Record<string, Schema> = {}
    for (const field of model.fields) {
      const schema = schemaOf(field.type, field.format, name => {
        classNames.add(name)
        return refTo(definitionName(name))
      })
      properties[field.name] = { ...schema, description: field.description }
    }
    definitions[definitionName(className)] = {
      type: 'object',
      description: model.description,
      properties,
      ...(model.required.length > 0 ? { required: model.required } : {}),
    }
  }
  layOver(definitions)
  markDroppedZeros(definitions)
  return sorted({ ...definitions, ...bowlineDefinitions })
}

/** `V1PodSpec` → `io.k8s.api.core.v1.PodSpec`. */
function definitionName(className: string): string {
  const match = /^([A-Z][a-z]+)?(V\d+(?:(?:alpha|beta)\d+)?)(\w+)$/.exec(className)
  if (match === null) throw new Error(`Cannot name the definition of model class ${className}`)
  const [, prefix, version = '', name = ''] = match
  const found =
    prefix === undefined ? packages.find(({ names }) => names.test(name))?.package : prefixes[prefix]
  if (prefix !== undefined && found === undefined)
    throw new Error(`Cannot name the definition of model class ${className}: no package has its prefix`)
  return `${found ?? 'io.k8s.api.core'}.${version.toLowerCase()}.${name}`
}

function schemaOf(type: string, format: string, refer: (className: string) => string): Schema {
  const list = /^Array<(.*)>$/.exec(type)?.[1]
  if (list !== undefined) return { type: 'array', items: schemaOf(list, format, refer) }
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type)?.[1]
  if (map !== undefined) return { type: 'object', additionalProperties: schemaOf(map, format, refer) }
  switch (type) {
    case 'string':
      return format === '' ? { type: 'string' } : { type: 'string', format }
    case 'boolean':
      return { type: 'boolean' }
    case 'number':
      return { type: format.startsWith('int') ? 'integer' : 'number', format }
    case 'Date':
      return { type: 'string', format: 'date-time' }
    case 'V1MicroTime':
      return { type: 'string', format: 'micro-time' }
    case 'IntOrString':
      return { format: 'int-or-string', 'x-kubernetes-int-or-string': true }
    case 'any':
      return {}
    default:
      return { $ref: refer(type) }
  }
}

/** An entry of the overlay that names nothing is a mistake in the overlay. */
function layOver(definitions: Record<string, Schema>): void {
  for (const [name, { definition = {}, fields = {} }] of Object.entries(overlay)) {
    // Two groups may have a definition of one name; what holds for one then holds for both.
    const keys = Object.keys(definitions).filter(key => key.endsWith(`.${name}`))
    if (keys.length === 0) throw new Error(`Cannot lay over ${name}: there is no such definition`)
    for (const key of keys) layOverDefinition(definitions, key, name, { definition, fields })
  }
}

function layOverDefinition(
  definitions: Record<string, Schema>,
  key: string,
  name: string,
  { definition, fields }: { readonly definition: Schema; readonly fields: Readonly<Record<string, Schema>> },
): void {
  const schema = definitions[key] as Schema
  const properties: Record<string, Schema> = { ...schema.properties }
  for (const [field, keywords] of Object.entries(fields)) {
    const base = properties[field]
    if (base === undefined) throw new Error(`Cannot lay over ${name}.${field}: there is no such field`)
    properties[field] = layOverField(base, keywords)
  }
  definitions[key] = { ...schema, ...definition, properties }
}

function layOverField(base: Schema, keywords: Schema): Schema {
  // A quantity is a string or a number: the model's `string` does not hold.
  if (keywords.format !== 'quantity') return { ...base, ...keywords }
  const { type: _, ...rest } = base
  return { ...rest, ...keywords }
}

function markDroppedZeros(definitions: Record<string, Schema>): void {
  for (const [name, schema] of Object.entries(definitions)) {
    const dropped = droppedZeros(name)
    const properties = Object.entries(schema.properties ?? {}).map(
      ([field, property]) =>
        [field, dropped.has(field) ? { ...property, 'x-bowline-drops-zero': true } : property] as const,
    )
    definitions[name] = { ...schema, properties: Object.fromEntries(properties) }
  }
}

function sorted(definitions: Definitions): Definitions {
  return Object.fromEntries(Object.entries(definitions).sort(([a], [b]) => (a < b ? -1 : 1)))
}
