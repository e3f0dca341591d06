import { compile, type JSONSchema } from 'json-schema-to-typescript'
import { nameInRef } from '../../src/kinds/schema/ref.ts'
import type { Schema } from '../../src/kinds/schema/schema.ts'
import type { Definitions } from './definitions.ts'

/** The descriptions of one definition: its own, then those of its fields. */
type Descriptions = readonly [string, { readonly [field: string]: string }]

/** What `src/kube/generated/` holds of the schemas. */
export interface PrintedSchemas {
  /** A module. As JSON text the schemas load several times faster than as an object literal, and cost little memory until they are asked for. */
  readonly module: string
  /** What only OpenAPI reads, three quarters of the whole, is a file beside it: a megabyte of memory while it is not read. */
  readonly descriptions: string
}

export function printSchemas(definitions: Definitions): PrintedSchemas {
  const bare: Record<string, Schema> = {}
  const descriptions: Record<string, Descriptions> = {}
  for (const [name, { description = '', ...schema }] of Object.entries(definitions)) {
    const properties: Record<string, Schema> = {}
    const ofFields: Record<string, string> = {}
    for (const [field, { description: text = '', ...keywords }] of Object.entries(schema.properties ?? {})) {
      properties[field] = keywords
      if (text !== '') ofFields[field] = text
    }
    bare[name] = { ...schema, properties }
    descriptions[name] = [description, ofFields]
  }
  const module = `import { readFileSync } from 'node:fs'

const definitionsText =
  ${JSON.stringify(JSON.stringify(bare))}

let parsed: { readonly [name: string]: unknown } | undefined

/** Every definition by name, parsed once, at the first call. */
export function definitions(): { readonly [name: string]: unknown } {
  parsed ??= JSON.parse(definitionsText) as { readonly [name: string]: unknown }
  return parsed
}

/** The description of every definition and of its fields, read at every call: keep what you make of it. */
export function descriptions(): {
  readonly [name: string]: readonly [string, { readonly [field: string]: string }]
} {
  return JSON.parse(readFileSync(new URL('descriptions.json', import.meta.url), 'utf8'))
}
`
  return { module, descriptions: JSON.stringify(descriptions) }
}

/** Names that TypeScript or this code base gives to something else. */
const RENAMED: Readonly<Record<string, string>> = { Event: 'EventObject', Record: 'RecordObject' }

/** Definitions whose name another group has too. */
const RENAMED_DEFINITIONS: Readonly<Record<string, string>> = {
  'io.k8s.api.admissionregistration.v1.ServiceReference': 'WebhookServiceReference',
  'io.k8s.api.autoscaling.v1.CrossVersionObjectReference': 'CrossVersionObjectReferenceV1',
  'io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler': 'HorizontalPodAutoscalerV1',
  'io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerSpec': 'HorizontalPodAutoscalerSpecV1',
  'io.k8s.api.autoscaling.v1.HorizontalPodAutoscalerStatus': 'HorizontalPodAutoscalerStatusV1',
  'io.k8s.api.discovery.v1.EndpointPort': 'EndpointSlicePort',
  'io.k8s.api.events.v1.Event': 'EventsEvent',
  'io.k8s.api.events.v1.EventSeries': 'EventsEventSeries',
  'io.k8s.api.flowcontrol.v1.Subject': 'FlowSubject',
  'io.k8s.api.storage.v1.TokenRequest': 'CSITokenRequest',
  'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference': 'APIServiceReference',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.ServiceReference': 'ConversionServiceReference',
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.WebhookClientConfig':
    'ConversionWebhookClientConfig',
}

/** Written by hand in `object.ts`; the generated types refer to them. */
const HAND_WRITTEN = ['ManagedFieldsEntry', 'ObjectMeta', 'OwnerReference']

/** One interface per definition, all of it readonly: cached objects are frozen. */
export async function printTypes(definitions: Definitions): Promise<string> {
  const interfaces: Record<string, JSONSchema> = {}
  for (const [name, schema] of Object.entries(definitions)) {
    const title = typeName(name)
    if (interfaces[title] !== undefined) throw new Error(`Cannot name the type of ${name}: ${title} is taken`)
    if (!HAND_WRITTEN.includes(title)) interfaces[title] = { ...typeSchema(schema), title }
  }
  const text = await compile({ $defs: interfaces, type: 'object', title: 'Unused' }, 'Unused', {
    additionalProperties: false,
    bannerComment: '',
    format: false,
    unreachableDefinitions: true,
  })
  const interfacesOnly = text
    .replace(/export interface Unused \{\s*\}/, '')
    .replaceAll(
      /^( \* *\n)?( \* This interface was referenced by `Unused`'s JSON-Schema\n)( \* via the .*\n)/gm,
      '',
    )
    .replaceAll(/^\/\*\*\n \*\/\n/gm, '')
  return `import type { ObjectMeta } from '../object.ts'\n\n${readonly(interfacesOnly)}`
}

function typeName(definition: string): string {
  const name = definition.slice(definition.lastIndexOf('.') + 1)
  return RENAMED_DEFINITIONS[definition] ?? RENAMED[name] ?? name
}

/** The schema as the type printer wants it: references by type name, the literals and metadata of kinds filled in. */
function typeSchema(schema: Schema): JSONSchema {
  const [gvk] = schema['x-kubernetes-group-version-kind'] ?? []
  const properties: Record<string, JSONSchema> = {}
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    properties[name] = fieldSchema(property)
  let required = schema.required ?? []
  if (gvk !== undefined) {
    const apiVersion = gvk.group === '' ? gvk.version : `${gvk.group}/${gvk.version}`
    properties.apiVersion = { const: apiVersion, description: 'The version of the schema of this object.' }
    properties.kind = { const: gvk.kind, description: 'The kind of this object.' }
    required = [...new Set([...required, 'apiVersion', 'kind', 'metadata'])]
  }
  return {
    type: 'object',
    properties,
    required: [...required],
    ...(schema.description ? { description: comment(schema.description) } : {}),
  }
}

function fieldSchema(schema: Schema): JSONSchema {
  const description = schema.description ? { description: comment(schema.description) } : {}
  if (schema.$ref !== undefined) return { tsType: typeName(nameInRef(schema.$ref)), ...description }
  // Stored quantities are canonical text: decoding turned numbers into it.
  if (schema.format === 'quantity') return { tsType: 'string', ...description }
  if (schema.format === 'int-or-string') return { tsType: 'number | string', ...description }
  if (schema.items !== undefined) return { type: 'array', items: fieldSchema(schema.items), ...description }
  if (schema.additionalProperties !== undefined)
    return { type: 'object', additionalProperties: fieldSchema(schema.additionalProperties), ...description }
  if (schema.type === 'object') return { tsType: '{ [k: string]: unknown }', ...description }
  if (schema.type === undefined) return { tsType: 'unknown', ...description }
  return { type: schema.type, ...(schema.enum ? { enum: [...schema.enum] } : {}), ...description }
}

function comment(text: string): string {
  return text.replaceAll('*/', '*\\/')
}

function readonly(text: string): string {
  return text
    .replaceAll(
      /^((?:export interface \w+ \{)?)([ \t]*)(\[k: string\]|"?[\w$-]+"?\??): /gm,
      '$1$2readonly $3: ',
    )
    .replaceAll(/: (\([^()\n]*\)|[\w.]+)\[\]$/gm, ': readonly $1[]')
}
