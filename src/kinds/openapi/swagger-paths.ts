import { type SchemaV3, swaggerSchema } from './swagger-schema.ts'

interface Content {
  readonly [mediaType: string]: { readonly schema: SchemaV3 }
}

interface ParameterV3 {
  readonly schema: object
}

interface OperationV3 {
  readonly parameters?: readonly ParameterV3[]
  readonly requestBody?: { readonly content: Content; readonly required?: boolean }
  readonly responses: { readonly [code: string]: { readonly description: string; readonly content: Content } }
}

/** A path of a document of OpenAPI v3 as v2 writes it. */
export function swaggerPath(path: object): object {
  const { parameters, ...methods } = path as { readonly parameters?: readonly ParameterV3[] }
  const operations = Object.entries(methods as Readonly<Record<string, OperationV3>>)
  return {
    ...Object.fromEntries(operations.map(([method, described]) => [method, swaggerOperation(described)])),
    ...(parameters === undefined || parameters.length === 0
      ? {}
      : { parameters: parameters.map(swaggerParameter) }),
  }
}

function swaggerOperation({ parameters = [], requestBody, responses, ...rest }: OperationV3): object {
  const produced = Object.values(responses).flatMap(({ content }) => Object.keys(content))
  const bodies = requestBody === undefined ? [] : [swaggerBody(requestBody)]
  const all = [...bodies, ...parameters.map(swaggerParameter)]
  return {
    ...(requestBody === undefined ? {} : { consumes: Object.keys(requestBody.content) }),
    produces: [...new Set(produced)],
    ...(all.length === 0 ? {} : { parameters: all }),
    responses: Object.fromEntries(
      Object.entries(responses).map(([code, { description, content }]) => [
        code,
        { description, schema: swaggerSchema(schemaIn(content)) },
      ]),
    ),
    ...rest,
  }
}

/** In v2 a body is one of the parameters. */
function swaggerBody({ content, required }: NonNullable<OperationV3['requestBody']>): object {
  const schema = swaggerSchema(schemaIn(content))
  return { name: 'body', in: 'body', ...(required === undefined ? {} : { required }), schema }
}

/** The type of a parameter stands beside its name. */
function swaggerParameter({ schema, ...rest }: ParameterV3): object {
  return { ...rest, ...schema }
}

/** All media types of a body have one schema. */
function schemaIn(content: Content): SchemaV3 {
  return Object.values(content)[0]?.schema ?? {}
}
