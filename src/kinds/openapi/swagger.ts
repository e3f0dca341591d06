import { allKinds, type Kind } from '../../kube/index.ts'
import { groupVersionsOf } from '../discovery/groups.ts'
import { describeKinds, documentInfo } from './documents.ts'
import { swaggerPath } from './swagger-paths.ts'
import { type SchemaV3, swaggerSchema } from './swagger-schema.ts'

/**
 * `GET /openapi/v2`: one document of all kinds. It says what the documents of v3 say, less what v2 cannot. Making it takes about a tenth of a
 * second and nothing is kept: keep its bytes.
 */
export function openApiV2(kinds: readonly Kind[] = allKinds): object {
  const { paths, schemas } = describeKinds(groupVersionsOf(kinds).flatMap(({ kinds: each }) => each))
  return {
    swagger: '2.0',
    info: documentInfo,
    paths: Object.fromEntries(
      Object.entries(paths).map(([path, described]) => [path, swaggerPath(described)]),
    ),
    definitions: Object.fromEntries(
      Object.entries(schemas).map(([name, schema]) => [name, swaggerDefinition(schema)]),
    ),
  }
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
