import { StatusError } from '../../../kube/index.ts'

/** How an object, a list or an event is shown. */
export type Representation =
  | { readonly form: 'object' }
  | { readonly form: 'partial' | 'table'; readonly version: 'v1' | 'v1beta1' }

/** Which discovery document is wanted: the aggregated one in a version, or the old plain one. */
export type DiscoveryForm = 'plain' | 'v2' | 'v2beta1'

/** The forms of `/openapi/v2`. */
export type OpenApiForm = 'json' | 'protobuf'

/** What the protobuf form of `/openapi/v2` is called (kube-openapi `pkg/handler`). */
export const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
/** Its older name, by which kubectl asks; media types may not hold an `@`. */
const OPENAPI_V2_PROTOBUF_OLD = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'

interface MediaRange {
  readonly type: string
  readonly parameters: ReadonlyMap<string, string>
  readonly quality: number
}

/** More alternatives than any client sends; the rest is not looked at. */
const MAX_RANGES = 32

/**
 * Chooses among object, Table and PartialObjectMetadata by the `Accept` header. Clients that would take protobuf name JSON as well,
 * and get that. A StatusError of reason NotAcceptable when nothing fits.
 */
export function negotiateRepresentation(accept: string | undefined): Representation {
  for (const { type, parameters } of rangesOf(accept)) {
    if (!coversJson(type)) continue
    const as = parameters.get('as')
    if (as === undefined) return { form: 'object' }
    const version = parameters.get('v')
    if (parameters.get('g') !== 'meta.k8s.io' || (version !== 'v1' && version !== 'v1beta1')) continue
    if (as === 'Table') return { form: 'table', version }
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')
      return { form: 'partial', version }
  }
  throw notAcceptable()
}

/** For objects that are shown as themselves alone: other forms are not to be had, and passed over where there is a choice. */
export function negotiateObject(accept: string | undefined): Representation {
  const takesObject = rangesOf(accept).some(
    ({ type, parameters }) => coversJson(type) && !parameters.has('as'),
  )
  if (!takesObject) throw notAcceptable()
  return { form: 'object' }
}

/** Chooses the discovery document for `/api` and `/apis`. */
export function negotiateDiscovery(accept: string | undefined): DiscoveryForm {
  for (const { type, parameters } of rangesOf(accept)) {
    if (!coversJson(type)) continue
    const as = parameters.get('as')
    if (as === undefined) return 'plain'
    const version = parameters.get('v')
    const aggregated = as === 'APIGroupDiscoveryList' && parameters.get('g') === 'apidiscovery.k8s.io'
    if (aggregated && (version === 'v2' || version === 'v2beta1')) return version
  }
  throw notAcceptable()
}

/** Chooses the form of `/openapi/v2`: the first that the client names. */
export function negotiateOpenApiV2(accept: string | undefined): OpenApiForm {
  for (const { type } of rangesOf(accept)) {
    if (coversJson(type)) return 'json'
    if (type === OPENAPI_V2_PROTOBUF || type === OPENAPI_V2_PROTOBUF_OLD) return 'protobuf'
  }
  throw notAcceptable('application/json', OPENAPI_V2_PROTOBUF)
}

/** For documents that exist as plain JSON only. */
export function requireJson(accept: string | undefined): void {
  if (!rangesOf(accept).some(({ type }) => coversJson(type))) throw notAcceptable()
}

/** The type of a `Content-Type` header, lower-case and without parameters; `` when there is none. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType?.split(';', 1)[0] ?? '').trim().toLowerCase()
}

/** The ranges of an `Accept` header, best first; equals keep the order they were written in. */
function rangesOf(accept: string | undefined): readonly MediaRange[] {
  if (accept === undefined || accept.trim() === '')
    return [{ type: '*/*', parameters: new Map(), quality: 1 }]
  return accept
    .split(',', MAX_RANGES)
    .map(parseRange)
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
}

function parseRange(text: string): MediaRange {
  const [type = '', ...rest] = text.split(';').map(part => part.trim())
  const parameters = new Map<string, string>()
  for (const part of rest) {
    const equals = part.indexOf('=')
    if (equals > 0)
      parameters.set(part.slice(0, equals).trim().toLowerCase(), unquote(part.slice(equals + 1).trim()))
  }
  const quality = Number(parameters.get('q') ?? 1)
  return { type: type.toLowerCase(), parameters, quality: Number.isFinite(quality) ? quality : 1 }
}

function unquote(text: string): string {
  return text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text
}

function coversJson(type: string): boolean {
  return type === 'application/json' || type === '*/*' || type === 'application/*'
}

function notAcceptable(...types: readonly string[]): StatusError {
  const accepted = types.length === 0 ? 'application/json' : types.join(', ')
  return new StatusError('NotAcceptable', `only the following media types are accepted: ${accepted}`)
}
