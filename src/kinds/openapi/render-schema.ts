import { descriptions } from '../../kube/generated/schemas.ts'
import { nameInRef, refTo } from '../schema/ref.ts'
import { definition, type Schema } from '../schema/schema.ts'
import { FIELD_TEXTS } from './field-texts.ts'

const QUANTITY = 'io.k8s.apimachinery.pkg.api.resource.Quantity'
const INT_OR_STRING = 'io.k8s.apimachinery.pkg.util.intstr.IntOrString'
const TIME = 'io.k8s.apimachinery.pkg.apis.meta.v1.Time'
const MICRO_TIME = 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime'

/** Formats that OpenAPI documents of Kubernetes write as definitions of their own. */
const SCALARS: Readonly<Record<string, object>> = {
  [QUANTITY]: {
    description:
      'Quantity is an exact amount such as `100m`, `1.5` or `128Mi`: a number with an optional decimal (k, M, G) or binary (Ki, Mi, Gi) suffix.',
    oneOf: [{ type: 'string' }, { type: 'number' }],
  },
  [INT_OR_STRING]: {
    description: 'IntOrString is a whole number or a text, such as 80 or `http`, 1 or `25%`.',
    format: 'int-or-string',
    oneOf: [{ type: 'integer' }, { type: 'string' }],
  },
  [TIME]: {
    description: 'Time is an instant in the format of RFC 3339, with a precision of seconds.',
    type: 'string',
    format: 'date-time',
  },
  [MICRO_TIME]: {
    description: 'MicroTime is an instant in the format of RFC 3339, with a precision of microseconds.',
    type: 'string',
    format: 'date-time',
  },
}

const SCALAR_OF_FORMAT: Readonly<Record<string, string>> = {
  quantity: QUANTITY,
  'int-or-string': INT_OR_STRING,
  'date-time': TIME,
  'micro-time': MICRO_TIME,
}

/** `components.schemas` of a document: the definitions of these names and all that they refer to, with descriptions, by name. */
export function renderSchemas(names: readonly string[]): { readonly [name: string]: object } {
  const texts = descriptions()
  const rendered: Record<string, object> = {}
  // A Set's iteration includes what is added while it runs: this walks the transitive closure.
  const wanted = new Set(names)
  for (const name of wanted) {
    const scalar = SCALARS[name]
    if (scalar !== undefined) {
      rendered[name] = scalar
      continue
    }
    const [description = '', ofFields = {}] = texts[name] ?? []
    const schema = definition(name)
    const properties: Record<string, object> = {}
    for (const [field, property] of Object.entries(schema.properties ?? {})) {
      // The models say nothing of fields that are definitions of their own: what the definition says is better than nothing.
      const fallback = property.$ref === undefined ? undefined : texts[nameInRef(property.$ref)]?.[0]
      const own = FIELD_TEXTS[name]?.[field] ?? ofFields[field]
      const shown = render({ ...property, description: own ?? fallback ?? '' }, wanted)
      properties[field] = own === undefined ? withBorrowedText(shown) : shown
    }
    rendered[name] = {
      ...(description === '' ? {} : { description }),
      type: 'object',
      ...(schema.required === undefined ? {} : { required: schema.required }),
      properties,
      ...extensionsOf(schema),
    }
  }
  return Object.fromEntries(Object.entries(rendered).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/**
 * A field whose text is its definition's: `kubectl explain` shows the text of a field and of what it consists of, one after the other, but
 * not what stands beside a reference, which lists of fields do show.
 */
function withBorrowedText(schema: object & { allOf?: readonly object[]; description?: string }): object {
  const { allOf, description, ...rest } = schema
  const [reference, ...others] = allOf ?? []
  if (reference === undefined || others.length > 0 || Object.keys(rest).length > 0) return schema
  return { ...reference, ...(description === undefined ? {} : { description }) }
}

/** A reference to a definition as it stands in a document. */
export function schemaRef(name: string): object {
  return { $ref: refTo(name) }
}

function render(schema: Schema, wanted: Set<string>): object {
  const { description, default: fallback, type, format, items, additionalProperties } = schema
  const beside = {
    ...(description ? { description } : {}),
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(schema.enum === undefined ? {} : { enum: schema.enum }),
    ...extensionsOf(schema),
  }
  const target = schema.$ref === undefined ? SCALAR_OF_FORMAT[format ?? ''] : nameInRef(schema.$ref)
  if (target !== undefined) {
    wanted.add(target)
    // OpenAPI 3.0 ignores what stands beside a $ref.
    return Object.keys(beside).length === 0 ? schemaRef(target) : { ...beside, allOf: [schemaRef(target)] }
  }
  return {
    ...beside,
    ...(type === undefined ? {} : { type }),
    ...(format === undefined ? {} : { format }),
    ...(items === undefined ? {} : { items: render(items, wanted) }),
    ...(additionalProperties === undefined
      ? {}
      : { additionalProperties: render(additionalProperties, wanted) }),
  }
}

/** The `x-kubernetes-*` markers; int-or-string has become a definition. */
function extensionsOf(schema: Schema): object {
  return Object.fromEntries(
    Object.entries(schema).filter(
      ([key]) => key.startsWith('x-kubernetes-') && key !== 'x-kubernetes-int-or-string',
    ),
  )
}
