import { BowlineError, deepFreeze } from '../base/index.ts'
import {
  apiPath,
  apiVersionOf,
  type Kind,
  type KubeObject,
  resourceName,
  type Status,
  StatusError,
} from '../kube/index.ts'
import type {
  Client,
  DeleteOptions,
  GetOptions,
  ListOptions,
  ObjectList,
  Patch,
  Selection,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts'
import { parseJsonLines } from './json-lines.ts'
import type { Regaining } from './reachability.ts'
import { type Credentials, Transport, type TransportOptions } from './transport.ts'

export interface HttpsClientOptions extends TransportOptions {
  /** Who owns the fields that this client writes, unless a write says otherwise. */
  readonly fieldManager: string
}

export interface RawOptions {
  /** Sent as JSON. */
  readonly body?: unknown
  readonly signal?: AbortSignal
}

/** The client of a server elsewhere, with what only HTTP has. Every long-lived holder calls `close` in the end. */
export interface HttpsClient extends Client {
  /** The JSON at a path outside the kinds, such as `/apis/bowline.dev/v1alpha1/apps/shop/plan` or `/version`. */
  rawGet(path: string, options?: RawOptions): Promise<unknown>
  raw(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options?: RawOptions): Promise<unknown>
  /** The bytes at a path as they come, such as a followed log. Ends quietly on abort. */
  stream(path: string, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** For a renewed certificate: new connections use it, running ones end as they are. */
  setCredentials(credentials: Credentials): void
  /** For connections that lead nowhere any more: all are given up, also those that hang; reads and watches begin anew. */
  reconnect(): void
  readonly onRegained: Regaining['onRegained']
  close(): Promise<void>
}

/**
 * A watch that brought nothing, not even a bookmark (one a minute), is taken for dead after this long. Nothing else
 * notices a server that vanished without closing its connections.
 */
const WATCH_IDLE_MS = 150_000

const PATCH_TYPES: Readonly<Record<Patch['type'], string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
}

/** A client of the Kubernetes API at `server`. It connects with its first request. */
export function createHttpsClient(options: HttpsClientOptions): HttpsClient {
  const transport = new Transport(options)
  return {
    async get<T extends KubeObject>(kind: Kind<T>, name: string, { namespace, signal }: GetOptions = {}) {
      return deepFreeze(
        (await transport.json({ method: 'GET', path: objectPath(kind, namespace, name), signal })) as T,
      )
    },

    async list<T extends KubeObject>(kind: Kind<T>, list: ListOptions = {}) {
      const query = selectionQuery(list)
      if (list.limit) query.set('limit', String(list.limit))
      if (list.continue) query.set('continue', list.continue)
      if (list.resourceVersion) query.set('resourceVersion', list.resourceVersion)
      const path = withQuery(apiPath(kind, list.namespace), query)
      return readList(kind, await transport.json({ method: 'GET', path, signal: list.signal }))
    },

    async *watch<T extends KubeObject>(kind: Kind<T>, watch: WatchOptions) {
      const query = selectionQuery(watch)
      query.set('watch', 'true')
      query.set('allowWatchBookmarks', 'true')
      if (watch.resourceVersion) query.set('resourceVersion', watch.resourceVersion)
      const path = withQuery(apiPath(kind, watch.namespace), query)
      for await (const value of parseJsonLines(transport.stream(path, watch.signal, WATCH_IDLE_MS)))
        yield readEvent<T>(value)
    },

    async create<T extends KubeObject>(kind: Kind<T>, object: T, write: WriteOptions = {}) {
      const namespace = write.namespace ?? object.metadata.namespace
      const path = withQuery(collectionPath(kind, namespace), writeQuery(options, write))
      return deepFreeze(
        (await transport.json({ method: 'POST', path, body: object, signal: write.signal })) as T,
      )
    },

    async update<T extends KubeObject>(kind: Kind<T>, object: T, write: WriteOptions = {}) {
      const namespace = write.namespace ?? object.metadata.namespace
      const at = objectPath(kind, namespace, object.metadata.name ?? '', write.subresource)
      const path = withQuery(at, writeQuery(options, write))
      return deepFreeze(
        (await transport.json({ method: 'PUT', path, body: object, signal: write.signal })) as T,
      )
    },

    async patch<T extends KubeObject>(kind: Kind<T>, name: string, patch: Patch, write: WriteOptions = {}) {
      const query = writeQuery(options, write)
      if (patch.type === 'apply') query.set('force', String(patch.force))
      const answer = await transport.json({
        method: 'PATCH',
        path: withQuery(objectPath(kind, write.namespace, name, write.subresource), query),
        contentType: PATCH_TYPES[patch.type],
        body: patch.body,
        signal: write.signal,
      })
      return deepFreeze(answer as T)
    },

    async createSubresource(kind, name, subresource, body, write = {}) {
      const at = objectPath(kind, write.namespace, name, subresource)
      const path = withQuery(at, writeQuery(options, write))
      return deepFreeze(
        (await transport.json({ method: 'POST', path, body, signal: write.signal })) as KubeObject,
      )
    },

    async delete(kind, name, deletion = {}) {
      const path = objectPath(kind, deletion.namespace, name)
      await transport.json({ method: 'DELETE', path, body: deleteBody(deletion), signal: deletion.signal })
    },

    rawGet: (path, raw = {}) => transport.json({ method: 'GET', path, signal: raw.signal }),
    raw: (method, path, raw = {}) => transport.json({ method, path, body: raw.body, signal: raw.signal }),
    stream: (path, signal) => transport.stream(path, signal, 0),
    setCredentials: credentials => transport.setCredentials(credentials),
    reconnect: () => transport.reconnect(),
    onRegained: listener => transport.reachability.onRegained(listener),
    close: () => transport.close(),
  }
}

/** An empty name or namespace would make another, wider path: upstream's clients refuse it in these words too. */
function objectPath(kind: Kind, namespace: string | undefined, name: string, subresource?: string): string {
  if (name === '') throw new StatusError('BadRequest', 'resource name may not be empty')
  if (kind.namespaced && !namespace)
    throw new StatusError('BadRequest', 'an empty namespace may not be set when a resource name is provided')
  return apiPath(kind, namespace, name, subresource)
}

function collectionPath(kind: Kind, namespace: string | undefined): string {
  if (kind.namespaced && !namespace)
    throw new StatusError('BadRequest', 'an empty namespace may not be set during creation')
  return apiPath(kind, namespace)
}

function selectionQuery({ labelSelector, fieldSelector }: Selection): URLSearchParams {
  const query = new URLSearchParams()
  if (labelSelector) query.set('labelSelector', labelSelector)
  if (fieldSelector) query.set('fieldSelector', fieldSelector)
  return query
}

function writeQuery(client: HttpsClientOptions, write: WriteOptions): URLSearchParams {
  const query = new URLSearchParams({
    fieldManager: write.fieldManager ?? client.fieldManager,
    fieldValidation: write.fieldValidation ?? 'Strict',
  })
  if (write.dryRun) query.set('dryRun', 'All')
  return query
}

function withQuery(path: string, query: URLSearchParams): string {
  return query.size === 0 ? path : `${path}?${query}`
}

function deleteBody({
  propagationPolicy,
  gracePeriodSeconds,
  preconditions,
  dryRun,
}: DeleteOptions): unknown {
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy,
    gracePeriodSeconds,
    preconditions,
    ...(dryRun ? { dryRun: ['All'] } : {}),
  }
}

function readList<T extends KubeObject>(kind: Kind<T>, body: unknown): ObjectList<T> {
  const { metadata, items } = (body ?? {}) as {
    readonly metadata?: {
      readonly resourceVersion?: string
      readonly continue?: string
      readonly remainingItemCount?: number
    }
    readonly items?: readonly T[] | null
  }
  if (metadata?.resourceVersion === undefined)
    throw new BowlineError('corrupt', `Cannot list ${resourceName(kind)}: the answer is no list`)
  return {
    // Upstream leaves apiVersion and kind out of the items of a list.
    items: (items ?? []).map(item =>
      deepFreeze(
        item.kind === undefined ? { ...item, apiVersion: apiVersionOf(kind), kind: kind.kind } : item,
      ),
    ),
    resourceVersion: metadata.resourceVersion,
    ...(metadata.continue ? { continue: metadata.continue } : {}),
    ...(metadata.remainingItemCount === undefined ? {} : { remainingItemCount: metadata.remainingItemCount }),
  }
}

/** In the midst of a stream the server reports a problem, such as a version that is too old, as an ERROR event. */
function readEvent<T extends KubeObject>(value: unknown): WatchEvent<T> {
  const { type, object } = value as { readonly type: string; readonly object: unknown }
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return { type, object: deepFreeze(object as T) }
    case 'ERROR':
      throw StatusError.fromStatus(object as Status)
    default:
      throw new BowlineError('corrupt', `Cannot follow a watch: an event has the type "${type}"`)
  }
}
