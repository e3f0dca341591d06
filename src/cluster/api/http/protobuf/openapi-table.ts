/**
 * The messages of `openapi.v2.Document` (gnostic-models `openapiv2/OpenAPIv2.proto`) that a document of the server is made of: a message's name,
 * then its fields as `number:name:type`. A name is that of the JSON property; with `-` at its end, of all properties that begin so. Without a
 * name the field holds the whole JSON value, if that is of the field's type; a name `in=body` holds the whole if its property `in` is `body`.
 * Before a type: `*` a list, `%` a list of pairs of a name (1) and a value (2), made from a JSON object. A `yaml` is a JSON value as a text.
 */
const OPENAPI_TABLE = `
AdditionalPropertiesItem 1::Schema 2::bool
Any 2::yaml
BodyParameter 1:description:string 2:name:string 3:in:string 4:required:bool 5:schema:Schema 6:x-:%Any
Definitions 1::%Schema
Document 1:swagger:string 2:info:Info 8:paths:Paths 9:definitions:Definitions
ExternalDocs 1:description:string 2:url:string 3:x-:%Any
Info 1:title:string 2:version:string 3:description:string
ItemsItem 1::*Schema
NonBodyParameter 3:in=query:QueryParameterSubSchema 4:in=path:PathParameterSubSchema
Operation 3:description:string 6:produces:*string 7:consumes:*string 8:parameters:*ParametersItem 9:responses:Responses 13:x-:%Any
Parameter 1:in=body:BodyParameter 2:in=path:NonBodyParameter 2:in=query:NonBodyParameter
ParametersItem 1::Parameter
PathItem 2:get:Operation 3:put:Operation 4:post:Operation 5:delete:Operation 8:patch:Operation 9:parameters:*ParametersItem 10:x-:%Any
PathParameterSubSchema 1:required:bool 2:in:string 3:description:string 4:name:string 5:type:string 6:format:string 22:x-:%Any
Paths 2::%PathItem
Properties 1::%Schema
QueryParameterSubSchema 1:required:bool 2:in:string 3:description:string 4:name:string 6:type:string 7:format:string 23:x-:%Any
Response 1:description:string 2:schema:SchemaItem 5:x-:%Any
ResponseValue 1::Response
Responses 1::%ResponseValue
Schema 1:$ref:string 2:format:string 3:title:string 4:description:string 5:default:Any 6:multipleOf:double 7:maximum:double 8:exclusiveMaximum:bool 9:minimum:double 10:exclusiveMinimum:bool 11:maxLength:int 12:minLength:int 13:pattern:string 14:maxItems:int 15:minItems:int 16:uniqueItems:bool 17:maxProperties:int 18:minProperties:int 19:required:*string 20:enum:*Any 21:additionalProperties:AdditionalPropertiesItem 22:type:TypeItem 23:items:ItemsItem 24:allOf:*Schema 25:properties:Properties 29:externalDocs:ExternalDocs 30:example:Any 31:x-:%Any
SchemaItem 1::Schema
TypeItem 1::*string
`

/** A field of a message, as its JSON form has it. */
export interface OpenApiField {
  readonly number: number
  readonly name: string
  readonly type: string
  readonly shape: 'list' | 'pairs' | 'single'
}

/** The fields of every message by its name. */
export const openApiMessages: ReadonlyMap<string, readonly OpenApiField[]> = new Map(
  OPENAPI_TABLE.trim()
    .split('\n')
    .map(line => {
      const [name = '', ...fields] = line.split(' ')
      return [name, fields.map(readField)] as const
    }),
)

function readField(text: string): OpenApiField {
  const [number, name = '', written = ''] = text.split(':')
  const shape = written.startsWith('*') ? 'list' : written.startsWith('%') ? 'pairs' : 'single'
  return { number: Number(number), name, type: written.replace(/^[*%]/, ''), shape }
}
