import { allKinds, type Kind } from '../../kube/index.ts'
import { groupVersionsOf } from '../discovery/groups.ts'
import { describeKinds, documentInfo } from './documents.ts'
import { swaggerPath } from './swagger-paths.ts'
import { type SchemaV3, swaggerSchema } from './swagger-schema.ts'

/** A part of the document at `/openapi/v2`. All parts together are the document; no path and no definition is in two of them. */
export interface OpenApiV2Part {
  readonly swagger?: string
  readonly info?: object
  readonly paths: Readonly<Record<string, object>>
  readonly definitions: Readonly<Record<string, object>>
}

/** Paths or definitions of one part: some milliseconds' work. The core group alone has more than a hundred of each. */
const PART = 16

/**
 * `GET /openapi/v2`: one document of all kinds. It says what the documents of v3 say, less what v2 cannot. Making it takes about a tenth of a
 * second and nothing is kept: keep its bytes. It comes in small parts, so that others can be served between them.
 */
export function* openApiV2Parts(kinds: readonly Kind[] = allKinds): Generator<OpenApiV2Part, void> {
  yield { swagger: '2.0', info: documentInfo, paths: {}, definitions: {} }
  const told = new Set<string>()
  for (const group of groupVersionsOf(kinds)) {
    const { paths, schemas } = describeKinds(group.kinds)
    for (const some of chunks(Object.entries(paths)))
      yield {
        paths: Object.fromEntries(some.map(([path, described]) => [path, swaggerPath(described)])),
        definitions: {},
      }
    for (const some of chunks(Object.entries(schemas).filter(([name]) => !told.has(name)))) {
      for (const [name] of some) told.add(name)
      const definitions = some.map(([name, schema]) => [name, swaggerDefinition(schema)])
      yield { paths: {}, definitions: Object.fromEntries(definitions) }
    }
  }
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += PART) yield items.slice(at, at + PART)
}

function swaggerDefinition(schema: SchemaV3): object {
  const converted = swaggerSchema(schema)
  // Quantity and IntOrString: a choice of scalars, of which v2 can name one.
  if (schema.type === undefined && schema.oneOf !== undefined) return { ...converted, type: 'string' }
  // A custom kind whose objects may hold anything keeps its type, for it is the only thing known of it.
  if (schema['x-kubernetes-preserve-unknown-fields'] && schema.type === 'object')
    return { ...converted, type: 'object' }
  return converted
}
