import type { Environment } from '@marcbachmann/cel-js'
import { resolveSchema, type Schema } from '../../schema/schema.ts'

/** Types of objects in one kind that are made: beyond them values are of any type. */
const MAX_TYPES = 500
const IDENTIFIER = /^[A-Za-z_]\w*$/

/**
 * Declares the types of a kind's schema in an environment and answers with the root's. Only fields that are named in `names` have a type;
 * what a schema does not say, or says otherwise than values look like to policies (times and bytes, which are texts there), is of any type.
 */
export function declareTypes(
  environment: Environment,
  {
    schema,
    name,
    names,
  }: { readonly schema: Schema; readonly name: string; readonly names: ReadonlySet<string> },
): string {
  const known = new Map<Schema, string>()
  const declare = (unresolved: Schema, path: string): string => {
    const resolved = resolveSchema(unresolved)
    const { type, format, properties, additionalProperties, items } = resolved
    switch (type) {
      case 'boolean':
        return 'bool'
      case 'integer':
        return 'int'
      case 'number':
        return 'double'
      case 'string':
        return format === undefined ? 'string' : 'dyn'
      case 'array':
        return `list<${items === undefined ? 'dyn' : declare(items, path)}>`
      case 'object':
        if (resolved['x-kubernetes-preserve-unknown-fields'] === true) return 'dyn'
        if (properties !== undefined) return struct(resolved, path)
        return additionalProperties === undefined
          ? 'dyn'
          : `map<string, ${declare(additionalProperties, path)}>`
      default:
        return 'dyn'
    }
  }
  const struct = (resolved: Schema, path: string): string => {
    const made = known.get(resolved)
    if (made !== undefined) return made
    if (known.size >= MAX_TYPES) return 'dyn'
    // What a type leads to may lead back to it: there it is of any type.
    known.set(resolved, 'dyn')
    const fields: Record<string, string> = {}
    for (const [field, property] of Object.entries(resolved.properties ?? {}))
      if (names.has(field) && IDENTIFIER.test(field)) fields[field] = declare(property, `${path}.${field}`)
    known.set(resolved, path)
    environment.registerType(path, { ctor: class {}, fields })
    for (const other of ['null', path]) environment.registerOperator(`${path} == ${other}`, () => false)
    return path
  }
  return declare(schema, name)
}
