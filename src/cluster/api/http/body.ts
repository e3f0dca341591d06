import { BowlineError, isObject } from '../../../base/index.ts'
import { StatusError } from '../../../kube/index.ts'
import { MAX_BODY_BYTES } from './body-limit.ts'
import { parseJsonText } from './json-text.ts'
import { mediaTypeOf } from './media-type.ts'
import type { ApiRequest } from './message.ts'
import { decodeProtobuf } from './protobuf/decode.ts'
import { parseYamlBody } from './yaml-body.ts'

/** A JSON patch with more operations is refused, as upstream does (apiserver `pkg/endpoints/handlers/patch.go`). */
const MAX_JSON_PATCH_OPERATIONS = 10_000

/** How Go clients, and kubectl where it makes objects itself, write bodies. */
const PROTOBUF = 'application/vnd.kubernetes.protobuf'

const PATCH_TYPES: ReadonlyMap<string, 'apply' | 'json' | 'merge' | 'strategic'> = new Map([
  ['application/apply-patch+yaml', 'apply'],
  ['application/json-patch+json', 'json'],
  ['application/merge-patch+json', 'merge'],
  ['application/strategic-merge-patch+json', 'strategic'],
])

/** Made once: an exception of its own for each request that ends would cost as much as its routing. */
export const CLIENT_GONE: BowlineError = new BowlineError('aborted', 'Cannot go on: the client has gone')

export interface ParsedBody {
  readonly value: unknown
  /** Fields that the text gives twice. */
  readonly duplicates: readonly string[]
}

/** The whole body, at most {@link MAX_BODY_BYTES}. */
export async function readBody(request: ApiRequest): Promise<Buffer> {
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding !== 'identity')
    throw new StatusError('UnsupportedMediaType', 'the body of the request must not be compressed')
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge()
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let length = 0
    // By its events: an iterator over the stream costs as much as parsing a small body.
    request.on('data', (chunk: Buffer) => {
      length += chunk.length
      if (length <= MAX_BODY_BYTES) chunks.push(chunk)
      else {
        request.pause()
        reject(tooLarge())
      }
    })
    request.once('end', () => resolve(Buffer.concat(chunks, length)))
    request.once('error', reject)
    request.once('close', () => reject(CLIENT_GONE))
  })
}

/** The object that a POST or a PUT brings. */
export function parseObjectBody(contentType: string | undefined, body: Buffer): ParsedBody {
  const type = mediaTypeOf(contentType)
  // What protobuf leaves to chance, such as fields that are there twice, is its reader's to decide.
  if (type === PROTOBUF) return { value: decodeProtobuf(body), duplicates: [] }
  if (type !== '' && type !== 'application/json' && type !== 'application/yaml')
    throw unsupported(type, `application/json, application/yaml, ${PROTOBUF}`)
  const parsed =
    type === 'application/yaml'
      ? { value: parseYamlBody(textOf(body)), duplicates: [] }
      : parseJsonText(textOf(body))
  if (!isObject(parsed.value))
    throw new StatusError('BadRequest', 'the body of the request must be an object')
  return parsed
}

/** The patch that a PATCH brings, in the language that its content type names. */
export function parsePatchBody(
  contentType: string | undefined,
  body: Buffer,
): ParsedBody & { readonly type: 'apply' | 'json' | 'merge' | 'strategic' } {
  const mediaType = mediaTypeOf(contentType)
  const type = PATCH_TYPES.get(mediaType)
  if (type === undefined) throw unsupported(mediaType, [...PATCH_TYPES.keys()].join(', '))
  const text = textOf(body)
  const parsed =
    type === 'apply' && !/^\s*\{/.test(text)
      ? { value: parseYamlBody(text), duplicates: [] }
      : parseJsonText(text)
  assertPatch(type, parsed.value)
  return { type, value: parsed.value, duplicates: parsed.duplicates }
}

/** The `DeleteOptions` of a DELETE; undefined when the body is empty. */
export function parseDeleteBody(
  contentType: string | undefined,
  body: Buffer,
): { readonly [key: string]: unknown } | undefined {
  if (body.length === 0) return undefined
  const type = mediaTypeOf(contentType)
  if (type !== '' && type !== 'application/json' && type !== PROTOBUF)
    throw unsupported(type, `application/json, ${PROTOBUF}`)
  const value = type === PROTOBUF ? decodeProtobuf(body) : parseJsonText(textOf(body)).value
  if (value === null) return undefined
  const isOptions = isObject(value) && (value.kind === undefined || value.kind === 'DeleteOptions')
  if (!isOptions) throw new StatusError('BadRequest', 'the body of the request is no DeleteOptions')
  return value as { readonly [key: string]: unknown }
}

function assertPatch(type: 'apply' | 'json' | 'merge' | 'strategic', value: unknown): void {
  if (type !== 'json') {
    if (!isObject(value)) throw new StatusError('BadRequest', 'the patch must be an object')
    return
  }
  if (!Array.isArray(value)) throw new StatusError('BadRequest', 'a JSON patch must be a list of operations')
  if (value.length > MAX_JSON_PATCH_OPERATIONS)
    throw new StatusError(
      'RequestEntityTooLarge',
      `Request entity too large: The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${value.length}`,
    )
}

function textOf(body: Buffer): string {
  if (body.length === 0) throw new StatusError('BadRequest', 'the body of the request is empty')
  return body.toString('utf8')
}

function tooLarge(): StatusError {
  return new StatusError('RequestEntityTooLarge', `Request entity too large: limit is ${MAX_BODY_BYTES}`)
}

function unsupported(type: string, accepted: string): StatusError {
  return new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format (${JSON.stringify(type.slice(0, 100))}) - accepted media types include: ${accepted}`,
  )
}
