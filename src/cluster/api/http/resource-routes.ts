import type { Clock, Ids } from '../../../base/index.ts'
import { scaleTable, subresourcesOf } from '../../../kinds/index.ts'
import { type Kind, resourceName, StatusError, type Verb } from '../../../kube/index.ts'
import { requireAllowed } from '../auth/require-allowed.ts'
import { attributesOf } from '../authorize.ts'
import type { Authorizer, Entry, MutationOptions, Verbs } from '../contract.ts'
import { methodNotAllowed } from '../refusals.ts'
import { type Answer, bytesAnswer, jsonAnswer, piecesAnswer } from './answer.ts'
import type { ApiPath } from './api-path.ts'
import { parseDeleteBody, parseObjectBody, parsePatchBody, readBody } from './body.ts'
import { type Exchange, pathNotFound } from './exchange.ts'
import { negotiateObject, negotiateRepresentation } from './media-type.ts'
import {
  isForced,
  isWatch,
  parseDeletionOptions,
  parseListQuery,
  parseMutationOptions,
  parseWatchQuery,
  timeoutSecondsOf,
} from './query.ts'
import type { refusalOf } from './refusal.ts'
import { type RenderOptions, renderEntry, renderList } from './representation.ts'
import { WatchStream } from './watch-stream.ts'

export interface ResourceParts {
  readonly verbs: Verbs
  readonly authorizer: Authorizer
  readonly clock: Clock
  readonly ids: Ids
  /** Logs a bug that shows itself after the headers are out; answers what the client is told. */
  readonly onBug: (error: unknown) => ReturnType<typeof refusalOf>
}

/** How long a watcher may take nothing. What it misses meanwhile is bounded by its queue; this frees its connection. */
const PATIENCE_MS = 60_000

/** A watch that names no time lasts between 30 and 60 minutes (apiserver `MinRequestTimeout`), so that all do not end at once. */
const WATCH_SECONDS = 1800

/** Answers one request about the objects of a kind through the verbs. */
export async function answerResource(
  parts: ResourceParts,
  exchange: Exchange,
  kind: Kind,
  path: ApiPath,
): Promise<Answer> {
  assertPlace(kind, path)
  const verb = verbOf(exchange, kind, path)
  switch (verb) {
    case 'get':
      return answerGet(parts, exchange, kind, path)
    case 'list':
      return answerList(parts, exchange, kind, path)
    case 'watch':
      return answerWatch(parts, exchange, kind, path)
    case 'create':
      return path.subresource === ''
        ? answerCreate(parts, exchange, kind, path)
        : answerCreateSubresource(parts, exchange, kind, path)
    case 'update':
      return answerUpdate(parts, exchange, kind, path)
    case 'patch':
      return answerPatch(parts, exchange, kind, path)
    case 'delete':
      return answerDelete(parts, exchange, kind, path)
    case 'deletecollection':
      return answerDeleteCollection(parts, exchange, kind, path)
  }
}

/** A cluster-scoped kind has no place in a namespace, an object of a namespaced one has none outside. */
function assertPlace(kind: Kind, { namespace, name, subresource }: ApiPath): void {
  if (!kind.namespaced && namespace !== '') throw pathNotFound()
  if (kind.namespaced && namespace === '' && name !== '') throw pathNotFound()
  if (subresource !== '' && !kind.subresources.includes(subresource)) throw pathNotFound()
}

function verbOf({ method, query }: Exchange, kind: Kind, { namespace, name, subresource }: ApiPath): Verb {
  const verb =
    name === '' ? collectionVerb(method, query, !kind.namespaced || namespace !== '') : OBJECT_VERBS[method]
  const offered =
    subresource === ''
      ? kind.verbs
      : (subresourcesOf(kind).find(({ name: candidate }) => candidate === subresource)?.verbs ?? [])
  const wanted = subresource !== '' && method === 'POST' ? 'create' : verb
  if (wanted === undefined || !offered.includes(wanted)) throw methodNotAllowed()
  return wanted
}

const OBJECT_VERBS: Readonly<Record<string, Verb>> = {
  DELETE: 'delete',
  GET: 'get',
  PATCH: 'patch',
  PUT: 'update',
}

function collectionVerb(method: string, query: URLSearchParams, isWhole: boolean): Verb | undefined {
  if (method === 'GET') return isWatch(query) ? 'watch' : 'list'
  // Objects are made and collections deleted in one namespace at a time.
  if (!isWhole) return undefined
  return method === 'POST' ? 'create' : method === 'DELETE' ? 'deletecollection' : undefined
}

async function answerGet(
  parts: ResourceParts,
  exchange: Exchange,
  kind: Kind,
  path: ApiPath,
): Promise<Answer> {
  const render = renderOptions(parts, exchange, kind)
  const entry = await parts.verbs.get(exchange.context, kind, path.namespace, path.name, path.subresource)
  return entryAnswer(200, entry, render, path.subresource)
}

async function answerList(
  parts: ResourceParts,
  exchange: Exchange,
  kind: Kind,
  path: ApiPath,
): Promise<Answer> {
  const render = renderOptions(parts, exchange, kind)
  const list = await parts.verbs.list(exchange.context, kind, parseListQuery(exchange.query, path.namespace))
  return piecesAnswer(200, renderList(list, render))
}

async function answerWatch(
  parts: ResourceParts,
  exchange: Exchange,
  kind: Kind,
  path: ApiPath,
): Promise<Answer> {
  const { clock, ids, verbs, onBug } = parts
  const { context, query } = exchange
  const render = renderOptions(parts, exchange, kind)
  const seconds = timeoutSecondsOf(query) ?? WATCH_SECONDS * (1 + ids.random())
  const over = new AbortController()
  const cancel = clock.after(seconds * 1000, () => over.abort())
  const leave = (): void => over.abort(context.signal.reason)
  context.signal.addEventListener('abort', leave, { once: true })
  if (context.signal.aborted) leave()
  over.signal.addEventListener('abort', cancel, { once: true })
  try {
    const { user, warnings, audit, userAgent } = context
    const events = await verbs.watch(
      { user, warnings, audit, userAgent, signal: over.signal },
      kind,
      parseWatchQuery(query, path.namespace),
    )
    const body = new WatchStream({ events, render, clock, onBug, signal: over.signal })
    return {
      type: 'stream',
      code: 200,
      contentType: 'application/json',
      body,
      isChunked: true,
      patienceMs: PATIENCE_MS,
    }
  } catch (error) {
    over.abort()
    throw error
  }
}

async function answerCreate(
  parts: ResourceParts,
  exchange: Exchange,
  kind: Kind,
  path: ApiPath,
): Promise<Answer> {
  const { context, query } = exchange
  const render = renderOptions(parts, exchange, kind)
  const options = parseMutationOptions(query, '')
  const bytes = await readAllowed(parts, exchange, kind, { ...path, name: '', verb: 'create' })
  const body = parseObject(bytes, exchange, kind, options)
  const entry = await parts.verbs.create(context, kind, path.namespace, body, options)
  // The path of a creation does not say what was made.
  if (context.audit !== undefined) context.audit.objectName = entry.object.metadata.name ?? ''
  return entryAnswer(201, entry, render, '')
}

async function answerCreateSubresource(
  parts: ResourceParts,
  exchange: Exchange,
  kind: Kind,
  path: ApiPath,
): Promise<Answer> {
  const { namespace, name, subresource } = path
  const options = parseMutationOptions(exchange.query, subresource)
  const bytes = await readAllowed(parts, exchange, kind, { ...path, verb: 'create' })
  const body = parseObject(bytes, exchange, kind, options)
  return jsonAnswer(
    201,
    await parts.verbs.createSubresource(exchange.context, kind, namespace, name, subresource, body, options),
  )
}

async function answerUpdate(
  parts: ResourceParts,
  exchange: Exchange,
  kind: Kind,
  path: ApiPath,
): Promise<Answer> {
  const { namespace, name, subresource } = path
  const render = renderOptions(parts, exchange, kind)
  const options = parseMutationOptions(exchange.query, subresource)
  const bytes = await readAllowed(parts, exchange, kind, { ...path, verb: 'update' })
  const body = parseObject(bytes, exchange, kind, options)
  const entry = await parts.verbs.update(exchange.context, kind, namespace, name, body, options)
  return entryAnswer(200, entry, render, subresource)
}

async function answerPatch(
  parts: ResourceParts,
  exchange: Exchange,
  kind: Kind,
  path: ApiPath,
): Promise<Answer> {
  const { namespace, name, subresource } = path
  const { context, query, request } = exchange
  const render = renderOptions(parts, exchange, kind)
  const options = parseMutationOptions(query, subresource)
  const contentType = request.headers['content-type']
  const bytes = await readAllowed(parts, exchange, kind, { ...path, verb: 'patch' })
  const { type, value, duplicates } = parsePatchBody(contentType, bytes)
  judgeDuplicates(duplicates, exchange, kind, options)
  const force = isForced(query)
  if (force && type !== 'apply')
    throw new StatusError('BadRequest', 'force may only be set for an apply patch')
  const { entry, created } = await parts.verbs.patch(
    context,
    kind,
    namespace,
    name,
    { type, body: value, force },
    options,
  )
  return entryAnswer(created ? 201 : 200, entry, render, subresource)
}

async function answerDelete(
  parts: ResourceParts,
  exchange: Exchange,
  kind: Kind,
  path: ApiPath,
): Promise<Answer> {
  const { context, query, request } = exchange
  const bytes = await readAllowed(parts, exchange, kind, { ...path, verb: 'delete' })
  const options = parseDeletionOptions(query, parseDeleteBody(request.headers['content-type'], bytes))
  const { entry, gone } = await parts.verbs.delete(context, kind, path.namespace, path.name, options)
  if (!gone) return bytesAnswer(200, entry.bytes)
  const { name, uid } = entry.object.metadata
  return jsonAnswer(200, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.plural, uid },
  })
}

async function answerDeleteCollection(
  parts: ResourceParts,
  exchange: Exchange,
  kind: Kind,
  path: ApiPath,
): Promise<Answer> {
  const { context, query, request } = exchange
  const bytes = await readAllowed(parts, exchange, kind, { ...path, verb: 'deletecollection' })
  const options = parseDeletionOptions(query, parseDeleteBody(request.headers['content-type'], bytes))
  const entries = await parts.verbs.deleteCollection(
    context,
    kind,
    parseListQuery(query, path.namespace),
    options,
  )
  const list = { entries, resourceVersion: '', continue: '', remainingItemCount: undefined }
  return piecesAnswer(
    200,
    renderList(list, { ...renderOptions(parts, exchange, kind), representation: { form: 'object' } }),
  )
}

/** The body of who may do this. It is not looked into for anybody else, whom that would let keep the process busy. */
async function readAllowed(
  { authorizer }: ResourceParts,
  { request, context }: Exchange,
  kind: Kind,
  { verb, namespace, name, subresource }: ApiPath & { readonly verb: Verb },
): Promise<Buffer> {
  const bytes = await readBody(request)
  requireAllowed(authorizer, attributesOf(context.user, kind, { verb, namespace, name, subresource }))
  return bytes
}

function parseObject(bytes: Buffer, exchange: Exchange, kind: Kind, options: MutationOptions): unknown {
  const { request } = exchange
  const { value, duplicates } = parseObjectBody(request.headers['content-type'], bytes)
  judgeDuplicates(duplicates, exchange, kind, options)
  return value
}

/** Fields given twice: refused, warned of, or let through, as `fieldValidation` says. */
function judgeDuplicates(
  duplicates: readonly string[],
  { context }: Exchange,
  kind: Kind,
  { fieldValidation }: MutationOptions,
): void {
  if (duplicates.length === 0 || fieldValidation === 'Ignore') return
  const problems = duplicates.map(path => `duplicate field ${JSON.stringify(path)}`)
  if (fieldValidation === 'Warn') context.warnings.push(...problems)
  else
    throw new StatusError(
      'BadRequest',
      `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: strict decoding error: ${problems.join(', ')}`,
      { kind: resourceName(kind) },
    )
}

/** A Scale has columns of its own; another document of a subresource has none and is always shown as itself. */
function entryAnswer(code: number, entry: Entry, render: RenderOptions, subresource: string): Answer {
  if (subresource === 'scale') return bytesAnswer(code, renderEntry(entry, { ...render, table: scaleTable }))
  const isWhole = subresource === '' || entry.object.kind === render.kind.kind
  return bytesAnswer(code, isWhole ? renderEntry(entry, render) : entry.bytes)
}

function renderOptions({ clock }: ResourceParts, { request, query }: Exchange, kind: Kind): RenderOptions {
  const include = query.get('includeObject') ?? 'Metadata'
  if (include !== 'None' && include !== 'Metadata' && include !== 'Object')
    throw new StatusError('BadRequest', 'includeObject must be one of None, Metadata, Object')
  // What is never stored, such as a review, has neither columns nor metadata.
  const negotiate = kind.verbs.includes('get') ? negotiateRepresentation : negotiateObject
  const representation = negotiate(request.headers.accept)
  return { kind, representation, includeObject: include, nowMs: clock.now() }
}
